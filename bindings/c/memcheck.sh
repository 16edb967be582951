#!/bin/sh
# Runs examples/border.c under valgrind: bindings/c/memcheck.sh [TARGET_FOLDER], where cargo has built the library. Minutes, because the
# software driver compiles its shaders under valgrind, too. Says so and succeeds where there is no valgrind.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
built=${1:-$here/../../target/debug}
[ -e "$built/libstylegan_c.so" ] || built=$built/deps
command -v valgrind >/dev/null || { echo "Without valgrind, memory is checked by the address sanitizer alone."; exit 0; }
out=$(mktemp -d)
trap 'rm -r "$out"' EXIT
cc -std=c99 -g -I"$here/include" "$here/examples/border.c" -o "$out/border" -L"$built" -Wl,-rpath,"$built" -lstylegan_c
# The drivers are not ours, and what they compile is not valgrind's to judge.
valgrind --quiet --error-exitcode=99 --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite \
    --smc-check=all-non-file --suppressions="$here/tests/valgrind.supp" "$out/border" "$here/../../tests/fixtures/tiny/ada-skip-32/network.pkl"
