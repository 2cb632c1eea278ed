#!/usr/bin/env bash
# A killed run must end where an uninterrupted one ends, to the byte.
#
#   tests/kill-and-resume.sh [KILLS]      how many times the run is killed (default 3; 50 is a good soak)
#
# Trains a tiny network to its end; then trains it again in another folder with `kill -9` at KILLS random moments (start-up, a step, the writing of a
# checkpoint: whatever is going on), resuming each time; then compares network-ema.safetensors and the tensors' checksum of the last training state.
# Exit code 0: equal; 1: different, or a run failed; 2: wrong usage. INVFUSION names the program where it is not the Release build in this repository.
# SEED=N repeats the moments of an earlier call. Everything is written below a temporary folder, which is kept on failure.
set -euo pipefail

kills=${1:-3}
[[ $kills =~ ^[0-9]+$ ]] || { echo "usage: $0 [KILLS]" >&2; exit 2; }
source "$(dirname "$0")/tiny-run.sh"

# Everything that draws random numbers is on; a checkpoint after every second step makes a kill in the middle of one likely.
cat >"$work/config.json" <<JSON
{
  "data": "$work/images",
  "network": {
    "resolution": 16, "patch": 2, "mappingWidth": 32, "mappingDepth": 1, "dropout": 0.1,
    "levels": [
      { "width": 48, "depth": 1, "kernel": 3, "headWidth": 16 },
      { "width": 48, "depth": 1, "headWidth": 16 }
    ]
  },
  "sigmaY": 0.05, "batch": 4, "rounds": 2, "images": ${IMAGES:-640}, "seed": 5, "precision": "fp32",
  "learningRate": { "rate": 0.001, "rampUpImages": 64 },
  "statusImages": 16, "checkpointImages": 16, "gridImages": 0
}
JSON

train() { "${program[@]}" train --config "$work/config.json" --out "$1" --threads 1 >>"$work/$(basename "$1").log" 2>&1; }

fail() {
    echo "$1; see $work" >&2
    exit 1
}

start=$(date +%s%N)
train "$work/whole" || fail "the uninterrupted run failed: $(tail -1 "$work/whole.log")"
length=$((($(date +%s%N) - start) / 1000000))
echo "uninterrupted: $length ms"

killed=0
for ((i = 1; i <= kills; i++)); do
    "${program[@]}" train --config "$work/config.json" --out "$work/killed" --threads 1 >>"$work/killed.log" 2>&1 &
    pid=$!
    wait_ms=$(((RANDOM * 32768 + RANDOM) % length))
    sleep "$(printf '%d.%03d' $((wait_ms / 1000)) $((wait_ms % 1000)))"
    if kill -9 "$pid" 2>/dev/null; then
        killed=$((killed + 1))
        wait "$pid" 2>/dev/null || true
        newest=$({ find "$work/killed" -name 'state-*.safetensors' 2>/dev/null || true; } | sort | tail -1) # no folder yet where the kill came first
        echo "kill $i after $wait_ms ms: newest state ${newest:+$(basename "$newest")}"
    else
        wait "$pid" || fail "the run failed by itself: $(tail -1 "$work/killed.log")"
        echo "run $i came to its end before $wait_ms ms"
        mv "$work/killed" "$work/ended-$i" # the next kills hit a new run
        cmp "$work/whole/network-ema.safetensors" "$work/ended-$i/network-ema.safetensors" || fail "run $i ended elsewhere"
    fi
done
train "$work/killed" || fail "the resumed run failed: $(tail -1 "$work/killed.log")"

checksum() { # of the last state's tensors: weights, moments, average (the file itself also holds the seconds of training)
    find "$1" -name 'state-*.safetensors' | sort | tail -1 | xargs head -c 100000 | grep -ao '"sha256":"[0-9A-F]*"'
}
lines() { sed 's/,"secondsPerKimg".*//' "$1/stats.jsonl" | grep -o '"images":[0-9]*'; }
cmp "$work/whole/network-ema.safetensors" "$work/killed/network-ema.safetensors" || fail "the averaged networks differ"
[[ $(checksum "$work/whole") == "$(checksum "$work/killed")" ]] || fail "the training states differ"
[[ $(lines "$work/whole") == "$(lines "$work/killed")" ]] || fail "stats.jsonl has other lines"
echo "equal to the byte after $killed kills"
rm -rf "$work"
