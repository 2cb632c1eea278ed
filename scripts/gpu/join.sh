#!/usr/bin/env bash
# Joins what run.sh left in parts, after comparing every checksum, and unpacks it.
#
#   join.sh FOLDER [TARGET]      folder with results.tar.part-* and results.sha256; where to unpack (default FOLDER/results)
set -euo pipefail
(($# >= 1)) || { echo "usage: $0 FOLDER [TARGET]" >&2; exit 2; }
folder=$1 target=${2:-$1/results}
cd "$folder" || { echo "join: there is no folder $folder" >&2; exit 1; }
[[ -f results.sha256 ]] || { echo "join: $folder has no results.sha256" >&2; exit 1; }
grep ' results.tar.part-' results.sha256 | sha256sum --check --quiet || { echo "join: a part is missing or damaged: bring it again" >&2; exit 1; }
cd - >/dev/null
mkdir -p "$target"
whole=$target/results.tar
cat "$folder"/results.tar.part-* >"$whole"
[[ $(sha256sum <"$whole") == "$(grep ' results.tar$' "$folder/results.sha256" | cut -d' ' -f1)  -" ]] || { echo "join: the whole has another checksum than its parts" >&2; exit 1; }
tar -C "$target" -xf "$whole"
rm "$whole"
echo "join: $target"
find "$target" -type f | sort
