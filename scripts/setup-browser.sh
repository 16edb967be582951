#!/bin/sh
# Makes sure that the tests of the web page have a browser: Debian's Chromium and its driver.
set -eu
. "$(dirname "$0")/common.sh"

if command -v chromedriver >/dev/null 2>&1; then
    exit 0
fi
say "No chromedriver was found; the tests of the web page run in Chromium."
if apt_install chromium chromium-driver && command -v chromedriver >/dev/null 2>&1; then
    exit 0
fi
say "How to go on: install Chromium and its chromedriver, and run the same command again."
exit 1
