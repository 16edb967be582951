#!/bin/sh
# Makes sure that Python can make virtual environments. Only the Python package and its tests need it.
set -eu
. "$(dirname "$0")/common.sh"

python3 -c "import ensurepip, venv" 2>/dev/null || apt_install python3 python3-venv
python3 -c "import ensurepip, venv, sys; sys.exit(sys.version_info < (3, 10))" && exit 0
say "How to go on: install Python 3.10 or later with venv and pip, and run the same command again."
exit 1
