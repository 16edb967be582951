#!/bin/sh
# Makes sure that the examples with a window can be tested: a display in memory, and the libraries of X11 that windows are opened with.
set -eu
. "$(dirname "$0")/common.sh"

if command -v Xvfb >/dev/null 2>&1; then
    exit 0
fi
say "No Xvfb was found; the examples with a window are tested on it."
if apt_install xvfb libx11-xcb1 libxkbcommon-x11-0 libxcursor1 libxi6 libxrandr2 && command -v Xvfb >/dev/null 2>&1; then
    exit 0
fi
say "How to go on: install Xvfb, and run the same command again."
exit 1
