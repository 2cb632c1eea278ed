#!/usr/bin/env bash
# The bundle for a machine with a GPU, rehearsed on the CPU: what scripts/gpu/bundle.sh makes must run in an empty environment, with the libtorch of "another
# Python", within its time, resume, and come back whole. Publishes the program (minutes), so it is no part of CI.
#
#   tests/gpu-bundle.sh [PROGRAM]      a published program (dotnet publish -r linux-x64 --self-contained), to leave that part out
#
# TORCHSHARP names a git repository of dotnet/TorchSharp, whose source then travels along. Needs python3. Exit code 0: all of it holds.
set -euo pipefail
source "$(dirname "$0")/tiny-run.sh"

fail() {
    echo "FAILED: $1; see $work" >&2
    exit 1
}

# A Python whose torch is the package's libtorch in a folder of its own. It has no headers, so that a library cannot be built for it.
python=$(python3 -c 'import sys; print(sys.executable)')
native=$(dirname "$(readlink -f "$(find "$(dirname "${program[1]}")" -name libtorch_cpu.so | head -1)")")
mkdir -p "$work/site/torch/lib"
cp -L "$native"/*.so* "$work/site/torch/lib/"
cat >"$work/site/torch/__init__.py" <<'PYTHON'
import ctypes, os
__version__ = "of the package"
for name in ["libc10.so", "libtorch_cpu.so", "libtorch.so"]:
    ctypes.CDLL(os.path.join(os.path.dirname(__file__), "lib", name), mode=os.RTLD_GLOBAL)
class version:
    cuda = None
class cuda:
    is_available = staticmethod(lambda: False)
PYTHON
printf '#!/bin/sh\nPYTHONPATH=%s exec %s "$@"\n' "$work/site" "$python" >"$work/python"
chmod +x "$work/python"

cat >"$work/config.json" <<JSON
{
  "data": "elsewhere",
  "network": {
    "resolution": 16, "patch": 2, "mappingWidth": 32, "mappingDepth": 1, "dropout": 0,
    "levels": [{ "width": 48, "depth": 1, "headWidth": 16 }]
  },
  "batch": 4, "images": 8, "precision": "fp32",
  "statusImages": 16, "checkpointImages": 4096, "gridImages": 0
}
JSON
(cd "$work/images" && "$python" -m zipfile -c "$work/images.zip" ./*.bmp)
options=(--config "$work/config.json" --data "$work/images.zip" ${1:+--program "$1"} ${TORCHSHARP:+--torchsharp "$TORCHSHARP"})
"$root/scripts/gpu/bundle.sh" "$work/bundle" "${options[@]}" || fail "no bundle"
(($(du -sb "$work/bundle" | cut -f1) <= 60 * 1048576)) || fail "the bundle is over 60 MiB"
if "$root/scripts/gpu/bundle.sh" "$work/small" "${options[@]}" --limit 5 2>"$work/small.txt"; then fail "a bundle of 5 MiB"; fi
grep -q 'raise --limit' "$work/small.txt" || fail "$(cat "$work/small.txt")"

rehearse() { # bundle out options…: without an environment
    env -i PATH=/usr/bin:/bin bash "$1/run.sh" --out "$2" --python "$work/python" --device cpu --batch 8 "${@:3}"
}

echo "== until the time is over"
start=$SECONDS
rehearse "$work/bundle" "$work/first" --seconds 150 --batches "4 8" --bring state >"$work/first.txt" 2>&1 || fail "$(tail -5 "$work/first.txt")"
((SECONDS - start <= 150)) || fail "took $((SECONDS - start)) s instead of 150"
grep -q "cancelled; 'train --resume" "$work/first.txt" || fail "the training was not ended by the time"
grep -E 'loads|took|Passed|images a second, [0-9.]+ ms|done;' "$work/first.txt" | grep -v ' left' || true
"$work/bundle/join.sh" "$work/first" "$work/joined" || fail "the parts cannot be joined"
state=$(find "$work/joined" -name 'state-*.safetensors')
"${program[@]}" model info "$state" >/dev/null || fail "the state is damaged"

echo "== resumed from what came back, beside a step that fails"
"$root/scripts/gpu/bundle.sh" "$work/again" "${options[@]}" --checkpoint "$work/joined" >/dev/null || fail "no bundle with a checkpoint"
seen=$((10#$(basename "$state" .safetensors | tr -dc 0-9)))
"$python" - "$work/again/golden.tar.xz" <<'PYTHON' # vectors that are none
import io, sys, tarfile
with tarfile.open(sys.argv[1], "w:xz") as t:
    i = tarfile.TarInfo("golden/net_none/case.json"); i.size = 1
    t.addfile(i, io.BytesIO(b"?"))
PYTHON
if rehearse "$work/again" "$work/second" --batches "" --images $((seen + 64)) >"$work/second.txt" 2>&1; then fail "a failed step was not reported"; fi
grep -q "going on at image $seen" "$work/second.txt" || fail "it did not resume: $(tail -5 "$work/second.txt")"
grep -q '1 of the steps failed: vectors' "$work/second.txt" || fail "$(tail -2 "$work/second.txt")"
"$work/again/join.sh" "$work/second" "$work/joined-2" >/dev/null || fail "the second parts cannot be joined"
grep -aq "\"invfusion.images\":\"$((seen + 64))\"" "$work/joined-2/network-ema.safetensors" || fail "the average is of another image"

echo "== parts"
head -c 40000000 /dev/urandom >"$work/any"
(cd "$work/second" && rm results.* && split -b 16777216 -d -a 3 <(tar -C "$work" -cf - any) results.tar.part- && sha256sum results.tar.part-* >results.sha256 &&
    echo "$(cat results.tar.part-* | sha256sum | cut -d' ' -f1)  results.tar" >>results.sha256)
"$work/again/join.sh" "$work/second" "$work/joined-3" >/dev/null && cmp "$work/any" "$work/joined-3/any" || fail "the parts do not make the whole"
printf x | dd of="$work/second/results.tar.part-001" bs=1 seek=1000 conv=notrunc status=none
if "$work/again/join.sh" "$work/second" "$work/joined-4" 2>/dev/null; then fail "a damaged part was joined"; fi
echo "all of it holds, in $SECONDS s"
rm -rf "$work"
