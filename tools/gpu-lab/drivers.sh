#!/bin/sh
# The tests of the kernels, and whole pictures against the references, on other software drivers: each a Vulkan of its own, none a GPU.
# Root, after setup.sh; ten minutes a driver.
#
#   lavapipe of Debian sid, with and without its matrix units (8x8x8 on subgroups of 8), and of Debian 13, in the chroots;
#   SwiftShader out of Debian's chromium-common (subgroups of 4, no 16-bit floats).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
lab=${LAB:-/tmp/gpu-lab}
. "$root/scripts/common.sh"
cd "$root"
binaries=$(cargo test --workspace --no-run --test kernels --test plans --test parity 2>&1 | sed -n 's/.*Executable.*(\(.*\))/\1/p')
# The larger fixtures, where they lie beside the repository, and the real weights.
fixtures=$(for folder in "$root/../shared" "$HOME/.cache/stylegan-wgpu"; do [ ! -d "$folder" ] || readlink -f "$folder"; done)
failed=
icd=/usr/share/vulkan/icd.d/lvp_icd.json

run() { # NAME CHROOT VARIABLE...
    name=$1; chroot=$2; shift 2
    for binary in $binaries; do
        say "$name: $(basename "$binary")"
        if [ -n "$chroot" ]; then
            for folder in "$root" $fixtures; do
                mkdir -p "$chroot$folder"
                mountpoint -q "$chroot$folder" || mount --bind "$folder" "$chroot$folder"
            done
            chroot "$chroot" env -C "$root" HOME=/root PATH=/usr/bin:/bin "$@" "$root/$binary" --test-threads 2 || failed="$failed $name: $(basename "$binary");"
        else
            env "$@" "./$binary" --test-threads 2 || failed="$failed $name: $(basename "$binary");"
        fi
    done
    [ -z "$chroot" ] || for folder in "$root" $fixtures; do umount "$chroot$folder"; done
}

run "lavapipe of sid" "$lab/sid" VK_DRIVER_FILES=$icd
run "lavapipe of sid, matrix units" "$lab/sid" VK_DRIVER_FILES=$icd STYLEGAN_TIER=matrix
[ -e "$lab/trixie$icd" ] || chroot "$lab/trixie" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq mesa-vulkan-drivers libvulkan1
run "lavapipe of Debian 13" "$lab/trixie" VK_DRIVER_FILES=$icd
swiftshader=/usr/lib/chromium/vk_swiftshader_icd.json
[ -e $swiftshader ] || apt_install chromium-common
run SwiftShader "" VK_DRIVER_FILES=$swiftshader STYLEGAN_PRECISIONS=f32
[ -z "$failed" ] || { say "Failed:$failed"; exit 1; }
