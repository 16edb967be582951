# Sourced by the other scripts.

say() { printf '%s\n' "$*" >&2; }

# Installs Debian packages, as root or through sudo; says what to do by hand where neither works.
apt_install() {
    if ! command -v apt-get >/dev/null 2>&1; then
        say "This is not a Debian or Ubuntu; please install by hand what they call: $*"
        return 1
    fi
    root=
    if [ "$(id -u)" != 0 ]; then
        if ! command -v sudo >/dev/null 2>&1; then
            say "Neither root nor sudo here; please have somebody run: apt-get install $*"
            return 1
        fi
        root=sudo
    fi
    say "Installing $* ..."
    # A failed update (no network, a stale source) is no failure yet: the package lists may be there already.
    $root apt-get update -qq >&2 || say "apt-get update failed; trying with the package lists at hand."
    if ! $root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2; then
        say "Installing failed; please run by hand: apt-get install $*"
        return 1
    fi
}
