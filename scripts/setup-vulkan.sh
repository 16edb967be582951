#!/bin/sh
# Makes sure that a Vulkan driver is there: the GPU's own, or Mesa's lavapipe, which needs no GPU.
set -eu
. "$(dirname "$0")/common.sh"

# Metal and Direct3D 12 come with their systems.
case $(uname -s) in
Linux) ;;
*) exit 0 ;;
esac

manifests() {
    old=$IFS
    IFS=:
    for folder in ${XDG_DATA_DIRS:-/usr/local/share:/usr/share} ${XDG_DATA_HOME:-$HOME/.local/share} /usr/local/etc /etc /run/opengl-driver/share; do
        ls "$folder/vulkan/icd.d/"*.json 2>/dev/null || true
    done
    IFS=$old
}

has_loader() {
    { ldconfig -p 2>/dev/null || /sbin/ldconfig -p 2>/dev/null; } | grep -q 'libvulkan\.so\.1' ||
        [ -e /run/opengl-driver/lib/libvulkan.so.1 ]
}

# A driver's manifest alone does not mean that its GPU is there, as in a container; lavapipe works everywhere.
has_driver() {
    if [ -n "${VK_DRIVER_FILES:-${VK_ICD_FILENAMES:-}}" ] || manifests | grep -q '/lvp_icd'; then
        return 0
    fi
    for device in /dev/dri/renderD* /dev/nvidiactl /dev/dxg; do
        if [ -e "$device" ] && [ -n "$(manifests)" ]; then
            return 0
        fi
    done
    return 1
}

if has_loader && has_driver; then
    exit 0
fi

say "No Vulkan driver was found. Mesa's software driver runs everything here, only slower than a GPU."
if apt_install mesa-vulkan-drivers libvulkan1; then
    exit 0
fi
say ""
say "How to go on: install a Vulkan driver, then run the same command again."
say "    Debian, Ubuntu   apt-get install mesa-vulkan-drivers libvulkan1"
say "    Fedora           dnf install mesa-vulkan-drivers vulkan-loader"
say "    Arch             pacman -S vulkan-swrast vulkan-icd-loader"
exit 1
