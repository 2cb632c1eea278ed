#!/usr/bin/env bash
# scripts/train-on.sh must start, resume and stop a training, and say what became of it.
#
#   tests/train-on.sh
#
# Two stages of a tiny network, then: two starts at once, kill -9, pause, a clean stop, a cool-down branch, the end of both stages; and data, folders and commands
# that are wrong. The last state must be that of an undisturbed training, to the byte. Exit code 0: all of it holds. SEED=N repeats the moments of an earlier call.
set -euo pipefail
source "$(dirname "$0")/tiny-run.sh"
export INVFUSION_RUNS=$work/home
on=$root/scripts/train-on.sh

fail() {
    echo "FAILED: $1; see $work" >&2
    "$on" stop >/dev/null 2>&1 || true
    exit 1
}

refuses() { # pattern arguments…
    local text
    text=$("$on" "${@:2}" 2>&1) && fail "'${*:2}' succeeded"
    grep -Eq -- "$1" <<<"$text" || fail "'${*:2}' says: $text"
    echo "refused: $(tail -1 <<<"$text")"
}

says() { # pattern arguments…
    local text
    text=$("$on" "${@:2}" 2>&1) || fail "'${*:2}': $text"
    grep -Eq -- "$1" <<<"$text" || fail "'${*:2}' says: $text"
    echo "$text"
}

await() { # what condition…
    for ((i = 0; i < 1200; i++)); do
        "${@:2}" >/dev/null 2>&1 && return
        sleep 0.1
    done
    fail "$1 did not come"
}

cat >"$work/config.json" <<JSON
{
  "data": "elsewhere",
  "network": {
    "resolution": 16, "patch": 2, "mappingWidth": 32, "mappingDepth": 1, "dropout": 0,
    "levels": [{ "width": 48, "depth": 1, "headWidth": 16 }]
  },
  "batch": 4, "images": 8, "seed": 5, "precision": "fp32",
  "learningRate": { "rate": 0.001, "referenceBatches": 0, "rampUpImages": 0, "coolDownImages": 8 },
  "statusImages": 16, "checkpointImages": 16, "gridImages": 0
}
JSON
"${program[@]}" train --config "$work/config.json" --data "$work/images" --out "$work/start" --images 4 --threads 1 -q
table() { # images of the first stage
    cat <<TABLE
one    $1  $work/config.json  --cool-down 0 --threads 1 --warm-start $work/start/network-ema.safetensors
other  32  $work/config.json  --cool-down 0 --threads 1 --kind Blind
one    $(($1 + 32))  $work/config.json  --threads 1
TABLE
}
table 100000000 >"$work/stages" # longer than any machine needs for this test

echo "== what is wrong is said"
refuses 'nothing runs' stop
refuses 'no training was started' status
refuses "unknown command 'strat'" strat
refuses "unknown option '--fast'" start --fast
refuses "nowhere.zip does not exist" start --stages "$work/stages" --data "$work/nowhere.zip" --no-build
touch "$work/file"
INVFUSION_RUNS=$work/file/runs refuses 'cannot be written' start --no-build
mv "$work/start/network-ema.safetensors" "$work/network"
rm -r "$work/home"
refuses "network-ema.safetensors does not exist: name a network file that one can start from" start --stages "$work/stages" --data "$work/images" --no-build
mv "$work/network" "$work/start/network-ema.safetensors"
refuses "nowhere.zip does not exist" start --stages "$work/stages" --data "$work/nowhere.zip" --no-build
refuses "exists; edit it" start --config "$work/config.json"

echo "== two starts at once"
"$on" start --data "$work/images" --no-build >"$work/first" 2>&1 &
first=$!
"$on" start --data "$work/images" --no-build >"$work/second" 2>&1 && second=0 || second=$?
wait $first && first=0 || first=$?
cat "$work/first" "$work/second"
((first + second == 1)) && grep -q 'already runs' "$work/first" "$work/second" || fail "two starts ended with $first and $second"
refuses 'already runs' start
says 'runs \(process' status

echo "== a kill"
newest() { find "$work/home/$1" -name 'state-*.safetensors' | sort | tail -1; }
images() { basename "$(newest "$1")" .safetensors | sed 's/state-0*//'; }
moves() { (($(images one) > 0)); }
process() { cut -d' ' -f1 "$work/home/control/trainer"; }
await "a checkpoint" moves
kill -9 "$(process)"
await "the end" test -e "$work/home/control/ended"
text=$("$on" status 2>&1) && fail "status of a dead training ends with 0"
grep -q 'died: one at image .* exit code 137' <<<"$text" || fail "status says: $text"
tail -2 <<<"$text"
says 'resumed one at image' start

echo "== pause"
before=$(process)
says paused pause
says paused status
refuses 'is paused' start
seen=$(wc -l <"$work/home/one/stats.jsonl")
sleep 1
[[ $(wc -l <"$work/home/one/stats.jsonl") == "$seen" ]] || fail "it trains while it is paused"
says resumed resume
[[ $(process) == "$before" ]] || fail "another process after the pause"

echo "== stop, also out of a pause"
says 'is whole' stop
refuses 'nothing runs' stop
says 'stopped: one' status
says resumed start
says paused pause
says 'is whole' stop

echo "== a cool-down"
says 'resumed short at image' cooldown 32 short
after_branch() { sed '1,/ short to /d' "$work/home/control/log" | grep -q ' one to '; }
await "the end of the branch" after_branch
says 'is whole' stop
grep -q '"coolDownImages": *32' "$work/home/short/options.json" && grep -q '"coolDownImages": *0' "$work/home/one/options.json" ||
    fail "the cool-down is not where it belongs"
says 'one after [0-9]+ images' average "$work/average.safetensors" one
"${program[@]}" model info "$work/average.safetensors" >/dev/null || fail "the average is no network"

echo "== to the end"
rm -rf "$work/images" "$work/start" # they are prepared, and copied
end=$(($(images one) + 32))
table $end | sed "s|$work/config|$work/home/control/configs/config|; s|$work/start/|$work/home/control/warm/|" >"$work/home/control/stages"
says 'resumed one' start
await "the end of all stages" grep -q complete "$work/home/control/ended"
says complete status
says 'nothing to do' start
grep -q '"kind": *"Blind"' "$work/home/other/options.json" || fail "the second stage has other options"
"${program[@]}" train --config "$work/config.json" --data "$work/home/data/train.ifds" --out "$work/whole" --images $((end + 32)) --cool-down 0 --threads 1 -q \
    --warm-start "$work/home/control/warm/network-ema.safetensors"
checksum() { head -c 100000 "$1" | grep -ao '"sha256":"[0-9A-F]*"'; }
[[ $(checksum "$(find "$work/whole" -name 'state-*' | sort | tail -1)") == "$(checksum "$(newest one)")" ]] || fail "the training differs from one that was not disturbed"
echo "equal to the byte, in $SECONDS s"
rm -rf "$work"
