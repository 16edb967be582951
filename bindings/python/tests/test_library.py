"""What an application meets: sizes, errors, threads, files."""

import json
import pickle
import threading
import time

import numpy as np
import pytest
import stylegan_wgpu
from stylegan_wgpu import ArgumentError, CheckpointError, DeviceError, StyleganError


@pytest.fixture(scope="module")
def G(tiny):
    return stylegan_wgpu.load(str(tiny), batch=2)


def test_a_network_tells_its_sizes(G):
    assert (G.z_dim, G.c_dim, G.w_dim, G.img_resolution, G.img_channels) == (16, 0, 16, 32, 3)
    assert G.image_size == (32, 32) and G.num_ws > 1 and G.network == "stylegan2" and G.batch == 2
    assert G.w_avg.shape == (G.w_dim,) and G.precision in ("f32", "f16") and G.memory > 0
    assert "img_resolution" in str(G.config) and len(G.provenance["source_sha256"]) == 64
    assert repr(G) == f"<Generator stylegan2 32x32 on {G.device} ({G.precision})>"


def test_bytes_are_as_good_as_a_file(G, tiny):
    assert (stylegan_wgpu.load(tiny.read_bytes())(seed=4) == G(seed=4)).all()


def test_devices_are_listed_and_chosen_by_number(tiny):
    devices = stylegan_wgpu.devices()
    assert [device["index"] for device in devices] == list(range(len(devices)))
    assert stylegan_wgpu.load(tiny, device=0).device == devices[0]["name"]
    with pytest.raises(StyleganError, match="no-such-gpu"):
        stylegan_wgpu.load(tiny, device="no-such-gpu")


def test_conversion_keeps_pictures_and_precision(G, tiny, tmp_path):
    stylegan_wgpu.convert(tiny, tmp_path / "f32.safetensors")
    stylegan_wgpu.convert(str(tiny), str(tmp_path / "f16.safetensors"), precision="f16")
    assert (tmp_path / "f16.safetensors").stat().st_size < (tmp_path / "f32.safetensors").stat().st_size
    assert (stylegan_wgpu.load(tmp_path / "f32.safetensors")(seed=4) == G(seed=4)).all()
    with pytest.raises(ArgumentError, match="both the source and the target"):
        stylegan_wgpu.convert(tmp_path / "f32.safetensors", tmp_path / "f32.safetensors")


def test_errors_have_a_hierarchy_and_say_what_to_do(G, conditional, tmp_path):
    assert issubclass(ArgumentError, (StyleganError, ValueError)) and issubclass(CheckpointError, ValueError)
    assert issubclass(DeviceError, (StyleganError, RuntimeError))
    with pytest.raises(FileNotFoundError) as missing:
        stylegan_wgpu.load(tmp_path / "none.pkl")
    assert missing.value.filename == str(tmp_path / "none.pkl")
    (tmp_path / "page.pkl").write_text("<!DOCTYPE html><html>")
    with pytest.raises(CheckpointError, match="page.pkl: "):
        stylegan_wgpu.load(tmp_path / "page.pkl")
    with pytest.raises(CheckpointError):
        stylegan_wgpu.load(b"neither a pickle nor anything else")
    with pytest.raises(TypeError):
        stylegan_wgpu.load(7)
    classes = stylegan_wgpu.load(conditional)
    for call, says in [
        (lambda: stylegan_wgpu.load(precision="f8"), "auto"),
        (lambda: stylegan_wgpu.load(batch=0), "from 1 on"),
        (lambda: G(), "a seed or from latents"),
        (lambda: G(G.z(1), seed=1), "a seed or from latents"),
        (lambda: G(seed=-1), "from 0 to 4294967295"),
        (lambda: G(seed=1.5), "whole number"),
        (lambda: G(seed=1, noise="loud"), "const"),
        (lambda: G(seed=1, label=0), "not conditional"),
        (lambda: G(seed=1, dtype=np.int16), "uint8 or float32"),
        (lambda: G.mapping(np.zeros((1, 7))), r"\[1, 7\]; this network takes \[n, 16\]"),
        (lambda: G.mapping(np.full((1, 16), np.nan)), "NaN"),
        (lambda: G.mapping(np.zeros((0, 16))), "z has no rows"),
        (lambda: G.synthesis(np.zeros((1, 3, 16))), r"this network takes \[n, "),
        (lambda: G.synthesis(np.zeros((0, G.num_ws, 16))), "no rows"),
        (lambda: G.synthesis(G.mapping(G.z(1)), noise="tf"), "rows of w have none"),
        (lambda: G.mapping(G.z(1), psi=float("nan")), "psi is a finite number"),
        (lambda: G(seed=1, psi=float("inf")), "psi is a finite number"),
        (lambda: G(seed=1, psi=10**400), "psi is a number"),
        (lambda: G(seed=1, cutoff=-1), "cutoff is a number of rows"),
        (lambda: G(seed=1, noise="random", noise_seed=-1), "noise_seed is a whole number"),
        (lambda: G.mapping(G.z(1).astype(complex)), "complex"),
        (lambda: G.mapping([[1.0], [1.0, 2.0]]), "no array of numbers"),
        (lambda: stylegan_wgpu.load(batch=10**15), "below 2"),
        (lambda: stylegan_wgpu.load(batch=10**9), "1 to 65536 images"),
        (lambda: classes.generate_into(tmp_path / "folder", [1, 2], label=[0, 1]), "one class"),
        (lambda: G.mix(1, 2, [99]), "layer 99"),
        (lambda: G.mix(1, 2, "velvet"), "no layer velvet"),
        (lambda: G.directions(0), "from 1 on"),
        (lambda: G.directions(99), "w has 16 dimensions"),
        (lambda: G.directions(1, method="guess"), "sefa"),
        (lambda: classes(seed=1), "conditional"),
        (lambda: classes(seed=1, label=classes.c_dim), "out of range"),
        (lambda: classes(seed=1, label=[0, 1]), "2 labels for 1 picture"),
        (lambda: classes(seed=1, label=np.ones((1, classes.c_dim))), "a 1 in the place of the class"),
    ]:
        with pytest.raises(ArgumentError, match=says):
            call()
    assert G(seed=1).shape == (32, 32, 3), "an error leaves the network as it was"


def test_pictures_of_a_list_have_a_length_and_come_as_they_are_asked_for(G):
    pictures = G.generate(range(100_000), batch=2)
    assert len(pictures) == 100_000
    assert (next(pictures) == G(seed=0)).all()
    # Others may draw in between, and with another batch.
    assert (G.synthesis(G.mapping(G.z(range(5))))[4] == G(seed=4)).all()
    assert (next(pictures) == G(seed=1)).all() and (next(pictures) == G(seed=2)).all()
    assert len(pictures) == 99_997
    assert list(G.generate([])) == []


def test_a_larger_batch_is_prepared_when_it_is_asked_for(tiny):
    G = stylegan_wgpu.load(tiny)
    alone = G(seed=3)
    assert G.batch == 1
    assert (list(G.generate(range(4), batch=4))[3] == alone).all()
    assert G.batch == 4


def test_python_goes_on_while_a_picture_is_drawn():
    avatars = stylegan_wgpu.load()
    avatars(seed=1)
    ticks, done = [], threading.Event()

    def draw():
        for _ in range(3):
            avatars(seed=1)
        done.set()

    thread = threading.Thread(target=draw)
    began = time.perf_counter()
    thread.start()
    while not done.is_set():
        ticks.append(time.perf_counter())
        time.sleep(0.001)
    thread.join()
    seconds = time.perf_counter() - began
    # Holding the interpreter, a call would leave one tick a picture.
    assert len(ticks) > 10, f"{len(ticks)} ticks in {seconds:.3f} s"


def test_many_threads_draw_what_one_draws(G):
    wanted = [G(seed=seed) for seed in range(8)]
    found = {}
    threads = [threading.Thread(target=lambda seed=seed: found.update({seed: G(seed=seed)})) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all((found[seed] == wanted[seed]).all() for seed in range(8))


def test_pictures_travel_between_processes(G):
    picture = pickle.loads(pickle.dumps(G(seed=1)))
    assert isinstance(picture, stylegan_wgpu.Picture) and (picture == G(seed=1)).all()


def test_warnings_go_to_pythons_log(G, tiny, tmp_path, caplog):
    if G.precision != "f16":
        pytest.skip("this device has no 16-bit floats, so nothing is too large for them")
    stylegan_wgpu.convert(tiny, tmp_path / "network.safetensors")
    data = bytearray((tmp_path / "network.safetensors").read_bytes())
    header = int.from_bytes(data[:8], "little")
    begin, end = json.loads(data[8 : 8 + header])["synthesis.b4.const"]["data_offsets"]
    data[8 + header + begin : 8 + header + end] = np.full((end - begin) // 4, 1e5, "<f4").tobytes()
    with caplog.at_level("WARNING", logger="stylegan_wgpu"):
        assert stylegan_wgpu.load(bytes(data)).precision == "f32"
    assert [(record.name, record.levelname) for record in caplog.records] == [("stylegan_wgpu", "WARNING")]
    assert "16-bit floats do not hold" in caplog.text
