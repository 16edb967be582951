#!/bin/sh
# Compiles every shader without matrix units with Microsoft's DXC (cs_6_2), as Direct3D 12 does, under wine. Root, Debian; some minutes.
# dxcompiler.dll is in PyPI's slangpy, in the wheel for Windows. An argument is part of the shaders' names.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=${LAB:-/tmp/gpu-lab}/dxc
. "$here/../../scripts/common.sh"

command -v wine64 >/dev/null 2>&1 || [ -x /usr/lib/wine/wine64 ] || apt_install wine64
command -v x86_64-w64-mingw32-gcc >/dev/null 2>&1 || apt_install gcc-mingw-w64-x86-64-posix
wine=$(command -v wine64 || echo /usr/lib/wine/wine64)
mkdir -p "$work"
if [ ! -e "$work/dxcompiler.dll" ]; then
    python3 -m pip download -q slangpy --platform win_amd64 --python-version 3.11 --only-binary :all: --no-deps -d "$work"
    python3 -c 'import sys, zipfile; zip = zipfile.ZipFile(sys.argv[1]); [open(sys.argv[2] + "/" + name.rsplit("/")[-1], "wb").write(zip.read(name)) for name in zip.namelist() if name.endswith(("/dxcompiler.dll", "/dxil.dll"))]' "$work"/slangpy-*.whl "$work"
fi
x86_64-w64-mingw32-gcc -O1 -Wall -o "$work/dxc.exe" "$here/dxc.c"
cd "$here/../.."
rm -rf "$work/hlsl"
cargo run --quiet --example hlsl -- "$work/hlsl"
cd "$work/hlsl"
dxc() { WINEDEBUG=-all WINEPREFIX=$work/wine WINEPATH=.. "$wine" ../dxc.exe "$@"; }
dxc cs_6_2 main *"${1:-}"*.hlsl
# What draws into a host's textures is not a kernel.
dxc vs_6_2 corners render/to_texture.hlsl
dxc ps_6_2 bytes render/to_texture.hlsl
dxc ps_6_2 floats render/to_texture.hlsl
