#!/bin/sh
# Sets up the lab on a Debian, as root: a chroot of sid with Mesa's drivers, and the shims that let them run without a GPU.
#
# Mesa's drm-shims answer a driver's ioctls as a GPU's kernel driver would, and execute nothing: RADV, ANV and NVK then enumerate the chip
# that an environment variable names, and compile real machine code for it. Only the shims are built, in a chroot of trixie (a compiler of
# their age) from Debian's source of Mesa, with three edits: RADV 26 asks for a newer kernel interface than the shim claims, and
# two chips are missing in its tables. Eight minutes and 3 GB. LAB is the folder, /tmp/gpu-lab if not given.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
lab=${LAB:-/tmp/gpu-lab}
mirror=${MIRROR:-http://deb.debian.org/debian}
drivers=$lab/sid
build=$lab/trixie

. "$here/../../scripts/common.sh"
inside() { root=$1; shift; chroot "$root" env HOME=/root DEBIAN_FRONTEND=noninteractive PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"; }

[ "$(id -u)" = 0 ] || { say "The lab is made of chroots: run this as root."; exit 1; }
apt_install debootstrap xz-utils gcc libvulkan-dev python3
mkdir -p "$lab"
for root in "$drivers" "$build"; do
    [ -e "$root/etc/debian_version" ] || debootstrap --variant=minbase "$(basename "$root")" "$root" "$mirror"
    for folder in proc sys dev; do mountpoint -q "$root/$folder" || mount --bind "/$folder" "$root/$folder"; done
    # The mirror of a snapshot calls itself outdated.
    echo 'APT::Install-Recommends "false"; Acquire::Check-Valid-Until "false";' > "$root/etc/apt/apt.conf.d/99lab"
    inside "$root" apt-get update -qq
done
inside "$drivers" apt-get install -y -qq mesa-vulkan-drivers vulkan-tools libvulkan1 libdrm2
inside "$build" apt-get install -y -qq meson ninja-build gcc g++ pkg-config flex bison xz-utils glslang-tools \
    libdrm-dev libelf-dev libexpat1-dev libudev-dev zlib1g-dev libzstd-dev python3-mako python3-packaging python3-ply python3-yaml

mesa=$build/root/mesa
if [ ! -d "$mesa/src" ]; then
    echo "deb-src $mirror trixie main" > "$build/etc/apt/sources.list.d/source.list"
    inside "$build" sh -c 'apt-get update -qq && cd /root && apt-get source --download-only mesa'
    mkdir -p "$mesa"
    tar -xJf "$(ls "$build"/root/mesa_*.orig.tar.xz | tail -1)" -C "$mesa" --strip-components=1
fi
python3 "$here/shims.py" "$mesa"
off="-Dllvm=disabled -Dplatforms= -Dglx=disabled -Degl=disabled -Dgbm=disabled -Dopengl=false -Dgles1=disabled -Dgles2=disabled -Dvideo-codecs="
off="$off -Dgallium-vdpau=disabled -Dgallium-va=disabled -Dgallium-xa=disabled -Dshader-cache=disabled -Dzstd=disabled -Dxmlconfig=disabled"
off="$off -Dvalgrind=disabled -Dlibunwind=disabled"
shims="src/amd/drm-shim/libamdgpu_noop_drm_shim.so src/nouveau/drm-shim/libnouveau_noop_drm_shim.so src/intel/shim/libintel_noop_drm_shim.so"
inside "$build" sh -c "cd /root/mesa && { [ -f build/build.ninja ] ||
    meson setup build -Dtools=drm-shim -Dvulkan-drivers=amd -Dgallium-drivers=crocus,nouveau -Dbuildtype=release $off; } && ninja -C build $shims"

kit=$drivers/root/kit
mkdir -p "$kit"
for shim in $shims; do cp "$mesa/build/$shim" "$kit/"; done
gcc -O1 -Wall -shared -fPIC -fvisibility=hidden -o "$kit/libpipestat.so" "$here/pipestat.c"
cp "$here/pipestat.json" "$kit/"
say "The lab stands in $lab: python3 tools/gpu-lab/lab.py navi31"
