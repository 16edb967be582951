#!/bin/sh
# Builds the wheel and tests it, in a virtual environment of the project's own (target/venv). What that needs is taken from PyPI, once.
set -eu
cd "$(dirname "$0")/../.."
venv=target/venv
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/python" -c "import kubernetes_validate, maturin, mypy, numpy, PIL, pytest" 2>/dev/null ||
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "kubernetes-validate>=1.37" "maturin>=1.9,<2" mypy numpy pillow pytest
# 70 MB, for one example.
"$venv/bin/python" -c "import ray.data" 2>/dev/null || "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "ray[data]" ||
    echo "Ray cannot be installed here; its example is not tested." >&2
# Pictures are compared with the command's. It is built as for a test of its own, with the features that make test has built it with.
cargo test --quiet --workspace --no-run --test cli
rm -rf target/wheels
"$venv/bin/maturin" build --quiet --profile dev --interpreter "$venv/bin/python" --manifest-path bindings/python/Cargo.toml --out target/wheels
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --force-reinstall --no-deps target/wheels/stylegan_wgpu-*.whl
cd bindings/python
../../$venv/bin/python -m mypy --strict --cache-dir ../../target/mypy -p stylegan_wgpu
# The types of what is in Rust are those that it has.
../../$venv/bin/python -m mypy.stubtest --concise stylegan_wgpu._native
exec ../../$venv/bin/python -m pytest -p no:cacheprovider "$@"
