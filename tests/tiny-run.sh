# Sourced by the scripts that train a tiny network: $root of the repository, $program to call, a temporary folder $work with eight images in it.
# INVFUSION names the program where it is not the Release build in this repository; SEED=N repeats the random moments of an earlier call.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
dll=$root/src/InvFusion.Cli/bin/Release/net10.0/InvFusion.Cli.dll
if [[ -n ${INVFUSION:-} ]]; then
    read -ra program <<<"$INVFUSION"
elif [[ -f $dll ]]; then
    program=(dotnet "$dll")
else
    echo "$dll is missing: build with 'dotnet build src/InvFusion.Cli -c Release', or set INVFUSION" >&2
    exit 2
fi

work=$(mktemp -d)
RANDOM=${SEED:-$$}
echo "folder $work, SEED=${SEED:-$$}"

# Eight images, 16x16, as 24-bit BMP: 54 bytes of header, then any 768 bytes.
mkdir "$work/images"
for i in 1 2 3 4 5 6 7 8; do
    {
        printf 'BM\x36\x03\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x10\0\0\0\x10\0\0\0\x01\0\x18\0'
        head -c 24 /dev/zero
        yes "image $i has its own stripes" | head -c 768 || true
    } >"$work/images/$i.bmp"
done
