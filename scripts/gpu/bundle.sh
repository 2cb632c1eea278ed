#!/usr/bin/env bash
# Makes a bundle for a machine that has CUDA and a Python with PyTorch, but neither .NET nor a network: scripts/gpu/run.sh trains there.
#
#   scripts/gpu/bundle.sh OUT
#     --data FILE         zip of the training images (default INVFUSION_FACES, then ../shared/data/faces64_train.zip beside the repository)
#     --val FILE          validation images (default faces64_val.zip beside the training images), for a configuration that validates
#     --config FILE       configuration of the training (default configs/faces64-joint.json)
#     --golden FOLDER     vectors to compare with (default tests/data/golden: those of whole networks and of gradients are taken)
#     --torchsharp DIR    a git repository or a folder of dotnet/TorchSharp: the source of the native half of TorchSharp, to be built there where the packaged
#                         one does not load (default .gpu/TorchSharp, which git ignores; without it only the packaged one is tried)
#     --checkpoint RUN    a run folder, whose newest state the training resumes from
#     --warm FILE         a network file that the training starts from (bf16: half the size, 'invfusion model convert --dtype bf16')
#     --program DIR       a published program (dotnet publish -r linux-x64 --self-contained) instead of publishing it now
#     --limit MIB         size of everything in OUT (default 60)
#     --no-images         leaves the images out
#
# OUT gets the scripts, the configuration and the rest compressed. The program brings its own .NET; libtorch it takes from the Python there. Of the images as many are taken as the
# limit leaves room for, spread over the zip. What takes how much is printed. Exit code 2 is wrong usage, 1 any other failure.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

die() {
    echo "bundle: $1" >&2
    exit "${2:-1}"
}

out='' data=${INVFUSION_FACES:-$root/../shared/data/faces64_train.zip} config=$root/configs/faces64-joint.json golden=$root/tests/data/golden
torchsharp=$root/.gpu/TorchSharp val='' program='' checkpoint='' warm='' limit=60 images=1
while (($#)); do
    case $1 in
        --data | --val | --config | --golden | --torchsharp | --program | --checkpoint | --warm | --limit)
            [[ -n ${2:-} ]] || die "$1 needs a value" 2
            printf -v "${1#--}" %s "$2"
            shift
            ;;
        --no-images) images= ;;
        -*) die "unknown option '$1'" 2 ;;
        *) out=$1 ;;
    esac
    shift
done
[[ -n $out ]] || die "name the folder to write" 2
[[ $limit =~ ^[0-9]+$ ]] || die "--limit $limit: give a number of MiB" 2
# A run that resumes does so under its own options.
[[ -z $checkpoint || -f $checkpoint/options.json ]] || die "--checkpoint $checkpoint: is not the folder of a run"
[[ -z $checkpoint ]] || config=$checkpoint/options.json
[[ -f $config ]] || die "--config $config: there is no such file"
[[ -z $images || -f $data ]] || die "$data does not exist: give the images by --data FILE or INVFUSION_FACES, or --no-images"
if grep -q '"validation": *{' "$config"; then
    val=${val:-$(dirname "$data")/faces64_val.zip}
    [[ -f $val ]] || die "$config validates, and $val does not exist: give the validation images by --val FILE"
else
    val=
fi
[[ -z $program || -f $program/InvFusion.Cli.runtimeconfig.json ]] || die "--program $program: holds no published program"
[[ -z $warm || -f $warm ]] || die "--warm $warm: there is no such file"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/program" "$work/golden" "$out"
rm -f "$out"/{program,golden,shim,run}.tar.xz "$out"/{images.zip,val.zip,warm.safetensors,config.json}

# Links instead of copies of libtorch, which stays behind; the debugger's files, other garbage collectors and documentation are not needed. Nothing is trimmed
# inside an assembly.
if [[ -z $program ]]; then
    echo "bundle: publishing the program"
    dotnet publish "$root/src/InvFusion.Cli" -c Release -r linux-x64 --self-contained -p:AheadOfTime=false -p:CreateSymbolicLinksForPublishFilesIfPossible=true \
        --artifacts-path "$work/artifacts" -o "$work/publish" -v q --nologo --disable-build-servers >&2 || die "the program cannot be published; see above"
    program=$work/publish
fi
for file in "$program"/*; do
    case $(basename "$file") in
        libLibTorchSharp.so) cp -L "$file" "$work/program/" ;;
        libtorch* | libc10* | libaoti* | libbackend* | libjitbackend* | libnnapi* | libshm* | libgomp*) ;;
        *.pdb | InvFusion*.xml | models | createdump | libmscor* | libcoreclrtraceptprovider.so | libclrgc* | Microsoft.VisualBasic*) ;;
        *) cp -L "$file" "$work/program/" ;;
    esac
done

for case in "$golden"/net_* "$golden"/grads_*; do
    [[ ! -d $case ]] || cp -rL "$case" "$work/golden/"
done
if [[ -n $checkpoint ]]; then
    mkdir "$work/run"
    cp "$checkpoint/options.json" "$(find "$checkpoint" -name 'state-*.safetensors' | sort | tail -1)" "$work/run/"
fi
if [[ -e $torchsharp ]]; then
    mkdir "$work/shim"
    if git -C "$torchsharp" cat-file -e HEAD:src/Native/LibTorchSharp 2>/dev/null; then
        git -C "$torchsharp" archive HEAD src/Native LICENSE.txt | tar -x -C "$work/shim"
    else
        cp -r "$torchsharp/src" "$torchsharp/LICENSE.txt" "$work/shim/"
    fi
else
    echo "bundle: $torchsharp does not exist: only the packaged native half of TorchSharp will be tried (git clone https://github.com/dotnet/TorchSharp)" >&2
fi

pack() { # name: one folder, compressed
    tar -C "$work" -cf - "$1" | xz -T0 -6 >"$out/$1.tar.xz"
}

for part in program golden shim run; do
    [[ ! -d $work/$part ]] || pack "$part"
done
cp "$config" "$out/config.json"
cp "$root"/scripts/gpu/{run,join,build-shim}.sh "$out/"
[[ -z $warm ]] || cp "$warm" "$out/warm.safetensors"
[[ -z $val ]] || cp -L "$val" "$out/val.zip"
room=$((limit * 1048576 - $(du -sb "$out" | cut -f1)))
((room > 0)) || die "is over $limit MiB without any image: leave --checkpoint or --warm out, or raise --limit"
if [[ -n $images ]] && (($(stat -Lc %s "$data") <= room)); then
    cp -L "$data" "$out/images.zip"
elif [[ -n $images ]]; then # JPEG and PNG do not get smaller: the files as they are, evenly over the zip
    python3 - "$data" "$out/images.zip" "$room" <<'PYTHON' || die "$data cannot be read"
import sys, zipfile
source, target, room = sys.argv[1], sys.argv[2], int(sys.argv[3])
with zipfile.ZipFile(source) as a, zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as b:
    files = [i for i in a.infolist() if not i.is_dir()]
    size = sum(i.compress_size + 2 * len(i.filename) + 128 for i in files)
    share = min(1, 0.98 * room / size)
    taken = [i for n, i in enumerate(files) if int((n + 1) * share) > int(n * share)]
    for i in taken:
        b.writestr(i.filename, a.read(i))
    print(f"bundle: {len(taken)} of {len(files)} images fit", file=sys.stderr)
PYTHON
fi
for file in "$out"/*; do printf '%6d KiB  %s\n' $((($(stat -c %s "$file") + 1023) / 1024)) "$(basename "$file")"; done
total=$(du -sb "$out" | cut -f1)
echo "bundle: $out, $((total / 1048576)) of $limit MiB"
((total <= limit * 1048576)) || die "$out is over $limit MiB: raise --limit, or leave something out"
