#!/usr/bin/env bash
# Runs what bundle.sh made, on a machine with a Python that has PyTorch; beside bash, coreutils and tar nothing else is needed.
#
#   run.sh [OPTIONS] [-- OPTIONS OF 'invfusion train']
#     --out DIR         where results go (default results beside this script)
#     --seconds N       time for everything, results included (default 600)
#     --device NAME     cuda:0 (default), or cpu for a rehearsal
#     --python FILE     the Python with torch (default python3)
#     --batches "N …"   batch sizes that a training step is timed at (default "64 256 1024"); empty for none
#     --batch N         batch of the training (default 256)
#     --images N        images of the training in all (default 100000000: the time ends it)
#     --bring WHAT      average (default): the averaged weights; state: the newest training state too, several times as large
#
# 1. finds torch/lib and loads the program's native half with it; where that does not load, builds it from source; 2. compares vectors on the device; 3. times a
# training step; 4. trains until the time is nearly over, from the checkpoint or network in the bundle if there is one, and ends with a checkpoint; 5. leaves the results
# in parts of 16 MiB for join.sh. A step that fails is named and the others go on, but for the first. OUT/log.txt is written as it goes. Exit code 0: all steps went
# well; 1: one did not; 2: wrong usage.
set -uo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=$here/results seconds=600 device=cuda:0 python=python3 batches='64 256 1024' batch=256 images=100000000 bring=average
extra=()
while (($#)); do
    case $1 in
        --out | --seconds | --device | --python | --batches | --batch | --images | --bring)
            [[ $# -ge 2 ]] || { echo "run: $1 needs a value" >&2; exit 2; }
            printf -v "${1#--}" %s "$2"
            shift 2
            ;;
        --) extra=("${@:2}"); break ;;
        *) echo "run: unknown option '$1'" >&2; exit 2 ;;
    esac
done
[[ $seconds =~ ^[0-9]+$ && $bring =~ ^(average|state)$ ]] || { echo "run: --seconds needs a number, --bring average or state" >&2; exit 2; }
mkdir -p "$out" && work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
export HOME=${HOME:-$work} DOTNET_EnableDiagnostics=0
failed=()

left() { echo $((seconds - SECONDS)); }
note() { echo "[$SECONDS s] $*" | tee -a "$out/log.txt"; }

step() { # seconds name command…: with its output in the log; a failure is noted, and returned
    local limit=$1 name=$2 code=0 begin=$SECONDS
    shift 2
    note "== $name"
    # bash runs functions and programs alike; only programs can be stopped.
    if [[ $(type -t "$1") == function ]]; then "$@"; else timeout -k 20 "$limit" "$@"; fi >"$work/step.txt" 2>&1 || code=$?
    tee -a "$out/log.txt" <"$work/step.txt"
    if ((code != 0)); then
        failed+=("$name")
        note "$name FAILED with code $code after $((SECONDS - begin)) s"
    else
        note "$name took $((SECONDS - begin)) s"
    fi
    return $code
}

unpack() { # what the bundle has, by the Python's own xz
    local part
    for part in program golden shim run; do
        [[ ! -f $here/$part.tar.xz ]] || "$python" -c 'import sys, tarfile; tarfile.open(sys.argv[1]).extractall(sys.argv[2])' "$here/$part.tar.xz" "$work" || return 1
    done
}

# With every symbol, not only those that a library asks for when it is loaded: the first call of a missing one would end the process.
loads() { "$python" -c 'import torch, ctypes, os, sys; ctypes.CDLL(sys.argv[1], mode=os.RTLD_NOW | os.RTLD_LOCAL)' "$work/program/libLibTorchSharp.so"; }

find_torch() {
    torch=$("$python" -c 'import os, torch; print(os.path.dirname(torch.__file__))') || return 1
    export INVFUSION_LIBTORCH=$torch/lib
    [[ -f $INVFUSION_LIBTORCH/libtorch_cpu.so ]] || { echo "run: $INVFUSION_LIBTORCH has no libtorch_cpu.so"; return 1; }
    # CUDA's own libraries are packages beside torch.
    local folder
    for folder in "$torch"/../nvidia/*/lib; do
        [[ ! -d $folder ]] || LD_LIBRARY_PATH=${LD_LIBRARY_PATH:-}${LD_LIBRARY_PATH:+:}$folder
    done
    export LD_LIBRARY_PATH=${LD_LIBRARY_PATH:-}
    "$python" -c 'import torch; print("torch", torch.__version__, "CUDA", torch.version.cuda, torch.cuda.get_device_name(0) if torch.cuda.is_available() else "no device")'
    if loads; then
        echo "the packaged native half of TorchSharp loads"
    elif [[ -d $work/shim ]]; then
        mv "$work/program/libLibTorchSharp.so" "$work/libLibTorchSharp.so.packaged"
        bash "$here/build-shim.sh" "$torch" "$work/shim" "$work/program/libLibTorchSharp.so" && return
        echo "the packaged library stays"
        mv "$work/libLibTorchSharp.so.packaged" "$work/program/libLibTorchSharp.so"
    else
        echo "the bundle has no source to build it from; trying it as it is"
    fi
}

prepare_images() { # and the paths in the configuration, and in a checkpoint's options of another machine
    local size file
    size=$(sed -n 's/.*"resolution": *\([0-9]*\).*/\1/p;T;q' "$here/config.json")
    "$work/program/InvFusion.Cli" dataset prepare "$here/images.zip" "$work/images.ifds" --size "$size" -q || return 1
    [[ ! -f $here/val.zip ]] || "$work/program/InvFusion.Cli" dataset prepare "$here/val.zip" "$work/val.ifds" --size "$size" -q || return 1
    cp "$here/config.json" "$work/config.json"
    for file in "$work/config.json" "$work/run/options.json"; do
        [[ ! -f $file ]] || sed -i -zE "s|\"data\": *\"[^\"]*\"|\"data\": \"$work/images.ifds\"|g; s|(\"validation\": *\{[^}]*\"data\": *\")[^\"]*|\1$work/val.ifds|" "$file"
    done
}

last() { grep secondsPerKimg "$1" | tail -1 | grep -o "\"$2\":[-+0-9.eE]*" | cut -d: -f2; } # of a stats.jsonl

time_steps() {
    local size rate result=0
    sed -zE 's|"validation": *\{[^}]*\}|"validation": null|' "$work/config.json" >"$work/timing.json"
    for size in $batches; do
        # The last status is one of steps after the first ones, which are slower.
        if timeout -k 10 60 "$work/program/InvFusion.Cli" train --config "$work/timing.json" --data "$work/images.ifds" --device "$device" --batch "$size" --images $((size * 24)) \
            --out "$work/time-$size" "${extra[@]}" >"$work/time.txt" 2>&1; then
            rate=$(last "$work/time-$size/stats.jsonl" secondsPerKimg)
            echo "batch $size: $(awk "BEGIN {printf \"%.1f images a second, %.1f ms a step\", 1000 / $rate, $rate * $size}")"
        else
            echo "batch $size: code $?: $(tail -2 "$work/time.txt")"
            result=1
        fi
        rm -rf "$work/time-$size"
    done
    return $result
}

run_training() { # ends by the time (130) or its images (0)
    local limit=$(($(left) - 40)) code=0 arguments=(--out "$work/run" --images "$images" --device "$device")
    ((limit > 10)) || { echo "no time is left for a training"; return 1; }
    if [[ ! -f $work/run/options.json ]]; then
        arguments+=(--config "$work/config.json" --data "$work/images.ifds" --batch "$batch")
        [[ ! -f $here/warm.safetensors ]] || arguments+=(--warm-start "$here/warm.safetensors")
    fi
    timeout --preserve-status -s TERM -k 30 "$limit" "$work/program/InvFusion.Cli" train "${arguments[@]}" "${extra[@]}" || code=$?
    ((code == 0 || code == 130))
}

leave() { # what there is, in parts
    local files=() name state
    for name in network-ema.safetensors stats.jsonl versions.jsonl options.json; do
        [[ ! -f $work/run/$name ]] || files+=("$name")
    done
    if [[ $bring == state ]] && state=$(find "$work/run" -name 'state-*.safetensors' | sort | tail -1) && [[ -n $state ]]; then files+=("$(basename "$state")"); fi
    ((${#files[@]} > 0)) || { echo "there is nothing to leave"; return 1; }
    rm -f "$out"/results.*
    tar -C "$work/run" -cf "$work/results.tar" "${files[@]}" && (cd "$out" && split -b 16777216 -d -a 3 "$work/results.tar" results.tar.part- && sha256sum results.tar.part-*) >"$work/sums" &&
        echo "$(sha256sum <"$work/results.tar" | cut -d' ' -f1)  results.tar" >>"$work/sums" && cp "$work/sums" "$out/results.sha256" && cp "$here/join.sh" "$out/" && ls -l "$out"
}

: >"$out/log.txt"
step 60 "unpack" unpack || exit 1
step 300 "load libtorch" find_torch || exit 1
step $(($(left) > 180 ? 120 : 30)) "vectors" "$work/program/InvFusion.Cli" model verify "$work/golden" --device "$device"
if [[ -f $here/images.zip ]]; then
    step 120 "images" prepare_images
    [[ -z $batches ]] || step 240 "a training step" time_steps
    step "$(left)" "training" run_training
    step 60 "results" leave
fi
note "done; ${#failed[@]} of the steps failed${failed:+: ${failed[*]}}"
((${#failed[@]} == 0))
