#!/bin/sh
# Makes sure that ffmpeg is there. Only videos as .mp4 and their tests need it.
set -eu
. "$(dirname "$0")/common.sh"

command -v ffmpeg >/dev/null 2>&1 || apt_install ffmpeg
