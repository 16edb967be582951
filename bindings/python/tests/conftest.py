"""The networks that the tests draw, and the command they are compared with."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
TINY = ROOT / "tests/fixtures/tiny"


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory):
    """What is timed on the device is kept here, by the command too: the same kernels give the same bits."""
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def tiny():
    """A StyleGAN2 of 32 pixels, as NVIDIA wrote it."""
    return TINY / "ada-skip-32/network.pkl"


@pytest.fixture(scope="session")
def conditional():
    """A StyleGAN2 of 16 pixels with classes."""
    return TINY / "ada-resnet-cond-16/network.pkl"


@pytest.fixture(scope="session")
def stylegan():
    """Runs the command."""
    program = ROOT / "target/debug/stylegan"
    assert program.is_file(), f"{program} is not there: cargo build --package stylegan-tools"

    def run(*args):
        subprocess.run([program, *map(str, args)], check=True, capture_output=True, text=True)

    return run
