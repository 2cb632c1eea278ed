#!/usr/bin/env bash
# Builds the native half of TorchSharp against the PyTorch of a Python.
#
#   build-shim.sh TORCH SOURCE OUT      folder of the Python package torch; folder of TorchSharp's source (src/Native in it); the library to write
#
# Every file is compiled for itself, as many at a time as there are processors. One that this PyTorch does not take is left out and named: its functions are
# then missing (a call ends with a clear EntryPointNotFoundException), the others work. CXX and CC choose the compilers.
set -euo pipefail
(($# == 3)) || { echo "usage: $0 TORCH SOURCE OUT" >&2; exit 2; }
torch=$1 source=$2/src/Native/LibTorchSharp out=$3
[[ -d $source ]] || { echo "build-shim: there is no $source" >&2; exit 1; }
[[ -f $torch/include/torch/csrc/api/include/torch/torch.h ]] || { echo "build-shim: $torch has no headers (include/)" >&2; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/include/c10/util" "$work/objects"
# A header of earlier versions that the source asks for.
[[ -f $torch/include/c10/util/Optional.h ]] ||
    printf '#pragma once\n#include <optional>\nnamespace c10 { using std::make_optional; using std::nullopt; using std::nullopt_t; using std::optional; }\n' \
        >"$work/include/c10/util/Optional.h"

compile() { # file
    local object
    object=$work/objects/$(basename "$1").o
    local flags=(-c -O1 -fPIC -fvisibility=hidden -w -DNDEBUG -D__LINUX__ -D_GLIBCXX_USE_CXX11_ABI=1)
    if [[ $1 == *.c ]]; then
        "${CC:-cc}" "${flags[@]}" -o "$object" "$1"
    else
        "${CXX:-g++}" -std=c++20 "${flags[@]}" -isystem "$torch/include" -isystem "$torch/include/torch/csrc/api/include" -I"$work/include" -o "$object" "$1"
    fi 2>"$object.log" || { rm -f "$object"; echo "build-shim: left out: $(basename "$1"): $(grep -m1 -E 'error' "$object.log" || tail -1 "$object.log")" >&2; }
}
export -f compile
export torch work

# shellcheck disable=SC2016 # for the inner shell
find "$source" \( -name '*.c' -o -name '*.cpp' \) -print0 | xargs -0 -P "$(nproc)" -I{} bash -c 'compile "$1"' _ {}
[[ -f $work/objects/THSTensor.cpp.o && -f $work/objects/THSTorch.cpp.o ]] || { echo "build-shim: without tensors nothing works: no library is made" >&2; exit 1; }
"${CXX:-g++}" -shared -Wl,-Bsymbolic -Wl,-soname,libLibTorchSharp.so -o "$out.new" "$work"/objects/*.o -L"$torch/lib" -ltorch -ltorch_cpu -lc10
mv "$out.new" "$out"
echo "build-shim: $out from $(find "$work/objects" -name '*.o' | wc -l) of $(find "$source" -name '*.c' -o -name '*.cpp' | wc -l) files"
