"""A folder is the command's, too: either goes on with what the other began."""

import json
import subprocess
import sys
import time

import numpy as np
import pytest
import stylegan_wgpu
from PIL import Image


@pytest.fixture(scope="module")
def G(tiny):
    return stylegan_wgpu.load(tiny, batch=3)


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("noise", ["const", "random"])
def test_a_folder_is_that_of_the_command(G, tiny, stylegan, tmp_path, noise):
    flags = ["--network", tiny, "--seeds", "0-9", "--trunc", "0.7", "--noise-mode", noise, "--no-metadata"]
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    stylegan("generate", *flags, "--outdir", theirs)
    assert G.generate_into(ours, range(10), psi=0.7, noise=noise) == 10
    for file in sorted(theirs.glob("*.png")):
        assert (ours / file.name).read_bytes() == file.read_bytes()
    (header, *entries), (wanted, *others) = (lines(folder / "manifest.jsonl") for folder in (ours, theirs))
    assert header == wanted
    assert sorted(entries, key=str) == sorted(others, key=str)
    # The command finds nothing to do here, nor do we there.
    before = (ours / "manifest.jsonl").read_bytes()
    stylegan("generate", *flags, "--outdir", ours)
    assert (ours / "manifest.jsonl").read_bytes() == before
    assert G.generate_into(theirs, range(10), psi=0.7, noise=noise) == 0


def test_what_was_interrupted_goes_on(G, tmp_path):
    assert G.generate_into(tmp_path, range(4), format="webp") == 4
    (tmp_path / "seed0002.webp").unlink()
    kept = (tmp_path / "seed0001.webp").stat().st_mtime_ns
    assert G.generate_into(tmp_path, range(6), format="webp") == 3
    assert (tmp_path / "seed0001.webp").stat().st_mtime_ns == kept
    for seed in range(6):
        with Image.open(tmp_path / f"seed{seed:04}.webp") as image:
            assert (np.asarray(image) == G(seed=seed)).all()


def test_a_process_that_is_killed_leaves_whole_files(G, tiny, tmp_path):
    script = f"import stylegan_wgpu as s; s.load({str(tiny)!r}).generate_into({str(tmp_path)!r}, range(3000))"
    process = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.DEVNULL)
    while process.poll() is None and len(list(tmp_path.glob("*.png"))) < 40:
        time.sleep(0.01)
    assert process.poll() is None, "it was done before it could be killed"
    process.kill()
    process.wait()
    count = len(list(tmp_path.glob("*.png")))
    drawn = G.generate_into(tmp_path, range(count + 10))
    # Files whose lines were not written yet are drawn again: 32 at most, or those of half a second.
    assert 10 <= drawn < count + 10
    for seed in range(count + 10):
        with Image.open(tmp_path / f"seed{seed:04}.png") as image:
            assert (np.asarray(image) == G(seed=seed)).all()


def test_shards_make_one_folder(G, tmp_path):
    counts = [G.generate_into(tmp_path, range(10), shard=(k, 3)) for k in (1, 2, 3)]
    assert sum(counts) == 10 and max(counts) - min(counts) <= 1
    assert sorted(path.name for path in tmp_path.glob("*.jsonl")) == [f"manifest-{k}-of-3.jsonl" for k in (1, 2, 3)]
    assert G.generate_into(tmp_path, range(10)) == 0
    with pytest.raises(stylegan_wgpu.ArgumentError, match="numbered from 1"):
        G.generate_into(tmp_path, range(10), shard=(0, 3))


def test_other_pictures_are_refused(G, tmp_path):
    G.generate_into(tmp_path, [1], psi=0.7)
    with pytest.raises(stylegan_wgpu.ArgumentError, match="trunc 0.7, now 0.5"):
        G.generate_into(tmp_path, [2], psi=0.5)
    (tmp_path / "file").touch()
    with pytest.raises(OSError):
        G.generate_into(tmp_path / "file", [1])


def test_an_error_leaves_what_was_finished(G, tmp_path):
    def seeds():
        yield from range(5)
        yield -1

    with pytest.raises(stylegan_wgpu.ArgumentError):
        G.generate_into(tmp_path, seeds())
    assert not list(tmp_path.iterdir()), "a wrong list is refused before anything is drawn"
    with pytest.raises(stylegan_wgpu.ArgumentError, match="ending says which format"):
        G.generate_into(tmp_path, range(3), format="bmp")
    assert G.generate_into(tmp_path, range(3)) == 3


def test_progress_is_shown(G, tmp_path, capsys):
    G.generate_into(tmp_path, range(4), progress=True)
    assert capsys.readouterr().err.endswith(f"[{'#' * 40}] 4/4\n")
    list(G.generate(range(2)))
    assert capsys.readouterr().err == ""
