#!/usr/bin/env bash
# Several ranks must train, compare and measure as one does, and none may wait for a dead one.
#
#   tests/mpi.sh            needs mpirun.openmpi and mpirun.mpich (Debian: openmpi-bin, mpich)
#
# For OpenMPI and MPICH, with gradients of one and of two passes a step: 20 steps of a tiny network on 1, 2 and 4 ranks (with Muon on 3); the weights may differ by 1e-6 and
# the optimizer's moments by a hundred-thousandth of the largest. The moments count because Adam forgives gradients of a wrong scale. Then, for each MPI: a rank is
# killed at a random moment and the run must end within 10 s with a message and a code other than 0; resumed, it must end where an undisturbed one does, to
# the bit; resumed on fewer ranks, within the tolerance. A comparison on three ranks has
# the values of one to the last digit; reference statistics and metrics on two those of one to 1e-9. Launchers and libraries that do not fit are refused.
# Exit code 0: all of it holds. INVFUSION names the program where it is not the Release build in this repository. SEED=N repeats the moments of an earlier call.
set -euo pipefail

for launcher in mpirun.openmpi mpirun.mpich; do
    command -v "$launcher" >/dev/null || { echo "$launcher is missing: apt-get install openmpi-bin mpich" >&2; exit 2; }
done

source "$(dirname "$0")/tiny-run.sh"
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 # containers
export OMPI_MCA_rmaps_base_oversubscribe=1                       # more ranks than processors
unset INVFUSION_MPI

fail() {
    echo "FAILED: $1; see $work" >&2
    exit 1
}

# A constant learning rate: under a ramp twenty steps would move nothing and any gradients would pass. Dropout is off, its masks belong to a rank.
config() { # rounds images checkpointImages [optimizer]
    cat >"$work/config-$1-$2${4:-}.json" <<JSON
{
  "data": "$work/images",
  "network": {
    "resolution": 16, "patch": 2, "mappingWidth": 32, "mappingDepth": 1, "dropout": 0,
    "levels": [
      { "width": 48, "depth": 1, "kernel": 3, "headWidth": 16 },
      { "width": 48, "depth": 1, "headWidth": 16 }
    ]
  },
  "sigmaY": 0.05, "batch": 6, "rounds": $1, "images": $2, "seed": 5, "precision": "fp32",
  "optimizer": { "kind": "${4:-Adam}" }, "learningRate": { "rate": 0.00005, "rampUpImages": 0 },
  "statusImages": 12, "checkpointImages": $3, "gridImages": 0
}
JSON
    echo "$work/config-$1-$2${4:-}.json"
}

launch() { # mpi ranks arguments…: the program under a launcher; without one on one rank
    local mpi=$1 ranks=$2
    shift 2
    # A launch takes seconds; one that hangs is to fail by name.
    if [[ $ranks == 1 ]]; then "${program[@]}" "$@"; else timeout -k 10 300 "mpirun.$mpi" -n "$ranks" "${program[@]}" "$@"; fi
}

train() { # mpi ranks config out options…
    launch "$1" "$2" train --config "$3" --out "$4" --threads 1 "${@:5}" >>"$4.log" 2>&1 || fail "$2 ranks of $1: $(tail -3 "$4.log")"
}

state() { find "$1" -name 'state-*.safetensors' | sort | tail -1; }

equal() { # title one other absolute relative
    local weights moments
    weights=$("${program[@]}" model diff "$(state "$2")" "$(state "$3")" --filter network/ --absolute "$4") || fail "$1, weights: $weights"
    moments=$("${program[@]}" model diff "$(state "$2")" "$(state "$3")" --filter adam/ --relative "$5") || fail "$1, moments: $moments"
    echo "$1: weights: $weights"
    echo "$1: moments: $moments"
}

echo "== the same weights on 1, 2 and 4 ranks"
for rounds in 1 2; do
    settings=$(config $rounds $((120 * rounds)) $((60 * rounds)))
    train none 1 "$settings" "$work/one-$rounds"
    for mpi in openmpi mpich; do
        for ranks in 2 4; do
            out=$work/$mpi-$ranks-$rounds
            train $mpi $ranks "$settings" "$out"
            equal "$mpi, $ranks ranks, $rounds rounds" "$work/one-$rounds" "$out" 1e-6 1e-5
            [[ $(find "$out" -name 'state-*' | wc -l) == 2 && $(grep -c . "$out/stats.jsonl") == $(grep -c . "$work/one-$rounds/stats.jsonl") ]] ||
                fail "$out: not the files of one run"
        done
    done
done

settings=$(config 1 120 60 Muon)
train none 1 "$settings" "$work/one-muon"
for mpi in openmpi mpich; do
    train $mpi 3 "$settings" "$work/$mpi-muon" # matrices of a shape do not divide by three
    equal "$mpi, 3 ranks, Muon" "$work/one-muon" "$work/$mpi-muon" 1e-6 1e-5
done

echo "== a rank is killed, the run resumed"
# Children of the launcher or of its proxy that run the program; threads are none.
ranks_of() { pgrep -f -- "--out $1 --threads 1\$" | while read -r p; do [[ $(readlink "/proc/$p/exe") != *mpi* && $(readlink "/proc/$p/exe") != *hydra* && $(readlink "/proc/$p/exe") != *orterun* && $(readlink "/proc/$p/exe") != *prte* ]] && echo "$p"; done || true; }

start() { # out launcher…: begins a long run, waits for a state after its beginning; sets pid and victims, the two ranks
    local out=$1
    shift
    "$@" "${program[@]}" train --config "$long" --out "$out" --threads 1 >>"$out.log" 2>&1 &
    pid=$!
    for ((i = 0; i < 600; i++)); do
        [[ $(state "$out" 2>/dev/null) == */state-*[1-9]*.safetensors ]] && break
        sleep 0.1
    done
    sleep "0.$((RANDOM % 10))"
    mapfile -t victims < <(ranks_of "$out")
    ((${#victims[@]} == 2)) || fail "$out: found ${#victims[@]} ranks"
}

# Ours, the launcher's, or that of UCX, which reads in the memory of the other ranks, and when that is gone aborts before anyone else can say so.
died='has died|killed|bad termination|process_vm_readv.*No such process'

kill_one() { # title out launcher…
    local title=$1 out=$2 code=0 start
    start "${@:2}"
    start=$(date +%s%N)
    kill -9 "${victims[RANDOM % 2]}"
    wait "$pid" || code=$?
    while ((($(date +%s%N) - start) < 10000000000)) && { kill -0 "${victims[0]}" || kill -0 "${victims[1]}"; } 2>/dev/null; do sleep 0.1; done
    local ms=$((($(date +%s%N) - start) / 1000000))
    ((code != 0)) || fail "$title: the launcher's exit code is 0"
    ((ms < 10000)) || fail "$title: a rank was still there after $ms ms"
    grep -Eqi "$died" "$out.log" || fail "$title: no message"
    echo "$title: ended $ms ms after the kill with code $code: $(grep -m1 -Ei "$died" "$out.log")"
}

long=$(config 1 1000000 60)
for mpi in openmpi mpich; do
    kill_one "$mpi" "$work/$mpi-killed" "mpirun.$mpi" -n 2
    newest=$(basename "$(state "$work/$mpi-killed")" .safetensors)
    end=$((10#${newest#state-} + 120))
    cp -r "$work/$mpi-killed" "$work/$mpi-fewer"
    train $mpi 2 "$long" "$work/$mpi-killed" --images $end
    grep -q 'going on at image' "$work/$mpi-killed.log" || fail "$mpi: did not resume"
    train $mpi 1 "$long" "$work/$mpi-fewer" --images $end
    train $mpi 2 "$long" "$work/$mpi-whole" --images $end
    equal "$mpi, $end images, resumed on 2 ranks" "$work/$mpi-whole" "$work/$mpi-killed" 0 0
    equal "$mpi, $end images, resumed on 1 rank" "$work/$mpi-whole" "$work/$mpi-fewer" 1e-5 1e-4
done
for mpi in openmpi mpich; do
    code=0
    start "$work/$mpi-stopped" "mpirun.$mpi" -n 2
    kill -TERM "${victims[RANDOM % 2]}"
    wait "$pid" || code=$?
    ((code == 130)) && grep -q '^cancelled' "$work/$mpi-stopped.log" || fail "$mpi: a stopped rank gave code $code: $(tail -3 "$work/$mpi-stopped.log")"
    echo "$mpi: one rank was asked to stop, all stopped with code $code and $(basename "$(state "$work/$mpi-stopped")")"
done
# A launcher that leaves the others alone, as srun does: the ranks themselves must see it. What they say may come after the launcher has stopped listening.
kill_one "mpich without clean-up" "$work/alone" mpirun.mpich -disable-auto-cleanup -n 2

echo "== a comparison on several ranks"
compare() { # mpi ranks out; seconds and memory are a run's own
    launch "$1" "$2" compare "$work/images" --model "$work/one-1/network-ema.safetensors" --method mmse ddrm -d box motion sr:2 --num 8 --batch 2 \
        --steps 3 --noise 0.1 --threads 1 --precision fp32 --json --quiet --out "$3" >"$3.json" 2>"$3.log" || fail "compare, $2 ranks of $1: $(tail -3 "$3.log")"
    grep -Ev '"(folder|secondsPerImage|peakMegabytes)"' "$3.json" >"$3.values"
    [[ -s $3/compare.csv ]] || fail "compare wrote no table"
}
compare none 1 "$work/compare-1"
for mpi in openmpi mpich; do
    compare $mpi 3 "$work/compare-$mpi"
    cmp "$work/compare-1.values" "$work/compare-$mpi.values" || fail "compare: other values on 3 ranks of $mpi"
    echo "compare, 3 ranks of $mpi: $(grep -c '"mean"' "$work/compare-$mpi.values") estimates equal to the last digit"
done

# Ranks that were started differently would put together a mixture that belongs to neither.
differing() { # name of what differs, arguments of rank 0, of rank 1
    local mpi status=0
    for mpi in openmpi mpich; do
        status=0
        # shellcheck disable=SC2086
        timeout -k 10 300 "mpirun.$mpi" -n 1 "${program[@]}" $2 : -n 1 "${program[@]}" $3 >"$work/differing.log" 2>&1 || status=$?
        [[ $status != 0 && $status != 124 && $status != 137 ]] || fail "ranks of $mpi with another $1: exit code $status"
        grep -q "the ranks differ in $1;" "$work/differing.log" || fail "ranks of $mpi with another $1: $(tail -3 "$work/differing.log")"
    done
    echo "ranks with another $1 are refused"
}
cp -r "$work/images" "$work/images-2" && cp "$work/images-2/1.bmp" "$work/images-2/2.bmp"
options="--model $work/one-1/network-ema.safetensors --method mmse -d box --num 4 --batch 2 --threads 1 --quiet --out $work/differing"
differing --seed "compare $work/images $options --seed 1" "compare $work/images $options --seed 2"
differing data "compare $work/images $options" "compare $work/images-2 $options"

echo "== metrics on several ranks"
# More images than the vectors have numbers: the root of a singular covariance is rounding, and no two orders of summation agree on it.
mkdir "$work/noise"
for ((i = 0; i < 96; i++)); do
    bytes=()
    for ((j = 0; j < 768; j++)); do bytes+=($((RANDOM % 256))); done
    { head -c 54 "$work/images/1.bmp"; printf "$(printf '\\x%02x' "${bytes[@]}")"; } >"$work/noise/$i.bmp"
done
"${program[@]}" dataset prepare "$work/noise" "$work/noise.ifds" --size 16 --quiet || fail "dataset prepare"

measure() { # mpi ranks out: statistics, and metrics with distances to them
    launch "$1" "$2" metrics ref "$work/noise.ifds" -o "$3.npz" --detector small --batch 8 --threads 1 --quiet >"$3.log" 2>&1 ||
        fail "metrics ref, $2 ranks of $1: $(tail -3 "$3.log")"
    launch "$1" "$2" metrics gen --data "$work/noise.ifds" --net "$work/one-1/network-ema.safetensors" -d box --steps 2 --samples 2 --batch 8 --ref "$3.npz" \
        --metrics psnr,ssim,consistency,consistency_psnr,residual,projected_psnr,crps,spread_error,coverage,fd_small,kid_small,projected_fd_small \
        --threads 1 --precision fp32 --quiet --outdir "$3" >>"$3.log" 2>&1 || fail "metrics gen, $2 ranks of $1: $(tail -3 "$3.log")"
}

close() { # one other: two documents, line by line; numbers may differ by 1e-9 of themselves, or by that where they are below 1
    [[ $(grep -c . "$1") == $(grep -c . "$2") ]] || { echo "not as many lines"; return 1; }
    paste -d '\t' "$1" "$2" | awk -F '\t' '
        function key(line) { sub(/: .*/, "", line); return line }
        function number(line) { sub(/^[^:]*: /, "", line); sub(/,$/, "", line); return line ~ /^-?[0-9.]+(E[-+]?[0-9]+)?$/ ? line : "none" }
        { if (number($1) != "none") numbers++ }
        $1 == $2 { next }
        {
            x = number($1); y = number($2)
            if (key($1) != key($2) || x == "none" || y == "none") { print "differs: " $1 " and " $2; bad = 1; exit }
            size = x < 0 ? -x : 0 + x # 0 +: as numbers, not as text
            difference = x - y < 0 ? y - x : x - y
            difference /= size > 1 ? size : 1
            if (difference > worst) worst = difference
        }
        END { if (!bad) printf "%d numbers, they differ by %.1e at most\n", numbers, worst; exit bad || worst > 1e-9 || numbers == 0 }'
}

measure none 1 "$work/metrics-1"
for mpi in openmpi mpich; do
    measure $mpi 2 "$work/metrics-$mpi"
    found=$(close "$work/metrics-1/metrics.json" "$work/metrics-$mpi/metrics.json") || fail "metrics: other values on 2 ranks of $mpi: $found"
    cmp "$work/metrics-1.npz.manifest.json" "$work/metrics-$mpi.npz.manifest.json" || fail "metrics ref: another manifest on 2 ranks of $mpi"
    echo "metrics, 2 ranks of $mpi: $found"
done

echo "== what does not fit is refused"
refused() { # title pattern command…
    local title=$1 pattern=$2 line
    shift 2
    if "$@" >"$work/refused.log" 2>&1; then fail "$title: was not refused"; fi
    line=$(grep -m1 -E "error: .*$pattern" "$work/refused.log") || fail "$title: $(head -3 "$work/refused.log")"
    echo "$title: $line"
}
short=$(config 1 120 60)
arguments=(train --config "$short" --out "$work/refused" --threads 1)
refused "library of another MPI" "different MPIs" env INVFUSION_MPI=mpich mpirun.openmpi -n 2 "${program[@]}" "${arguments[@]}"
refused "more ranks than images" "batch 6" mpirun.openmpi -n 7 "${program[@]}" "${arguments[@]}"
refused "srun without an interface" "srun has started 2" env SLURM_PROCID=0 SLURM_STEP_NUM_TASKS=2 "${program[@]}" "${arguments[@]}"

echo "several ranks work as one"
rm -rf "$work"
