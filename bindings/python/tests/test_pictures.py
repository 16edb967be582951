"""Pictures are those of the command, bit for bit, whichever way they are asked for."""

import numpy as np
import pytest
import stylegan_wgpu
from conftest import ROOT
from PIL import Image


@pytest.fixture(scope="module")
def G(tiny):
    return stylegan_wgpu.load(tiny)


def read(path):
    with Image.open(path) as image:
        return np.asarray(image)


def test_pictures_are_those_of_the_command(G, tiny, stylegan, tmp_path):
    stylegan("generate", "--network", tiny, "--seeds", "0-4,85", "--trunc", "0.7", "--outdir", tmp_path, "--no-metadata")
    for seed, picture in zip([0, 1, 2, 3, 4, 85], G.generate([0, 1, 2, 3, 4, 85], batch=4, psi=0.7)):
        assert picture.dtype == np.uint8 and picture.shape == (32, 32, 3)
        assert (picture == read(tmp_path / f"seed{seed:04}.png")).all(), seed
        assert (G(seed=seed, psi=0.7) == picture).all()
        picture.save(tmp_path / "again.png")
        assert (tmp_path / "again.png").read_bytes() == (tmp_path / f"seed{seed:04}.png").read_bytes()


@pytest.mark.parametrize("precision", ["f32", "auto"])
def test_built_in_avatars_are_those_of_the_command(stylegan, tmp_path, precision):
    stylegan("generate", "--seeds", "19,27", "--precision", precision, "--outdir", tmp_path)
    avatars = stylegan_wgpu.load(precision=precision, batch=2)
    assert (avatars.z_dim, avatars.img_resolution) == (64, 128)
    for seed, picture in zip([19, 27], avatars.generate([19, 27])):
        assert (picture == read(tmp_path / f"seed{seed:04}.png")).all(), seed


@pytest.mark.parametrize(("noise", "flags"), [("none", []), ("random", ["--noise-seed", "7"]), ("tf", [])])
def test_noise_is_that_of_the_command(G, tiny, stylegan, tmp_path, noise, flags):
    seeds = [3, 4, 5, 9]
    stylegan("generate", "--network", tiny, "--seeds", "3-5,9", "--noise-mode", noise, *flags, "--outdir", tmp_path)
    for batch in (1, 3):
        for seed, picture in zip(seeds, G.generate(seeds, batch=batch, noise=noise, noise_seed=7)):
            assert (picture == read(tmp_path / f"seed{seed:04}.png")).all(), (batch, seed)
    assert (G(seed=3, noise=noise, noise_seed=7) == read(tmp_path / "seed0003.png")).all()


def test_floats_are_those_of_the_command(G, tiny, stylegan, tmp_path):
    stylegan("generate", "--network", tiny, "--seeds", "2", "--format", "npy", "--outdir", tmp_path)
    floats = G(seed=2, dtype=np.float32)
    assert floats.shape == (3, 32, 32) and (floats == np.load(tmp_path / "seed0002.npy")).all()
    # Rounded as NVIDIA does.
    rounded = (floats * np.float32(127.5) + np.float32(128)).clip(0, 255).astype(np.uint8).transpose(1, 2, 0)
    assert np.abs(rounded.astype(int) - G(seed=2).astype(int)).max() <= 1


def test_classes_are_those_of_the_command(conditional, stylegan, tmp_path):
    G = stylegan_wgpu.load(conditional)
    stylegan("generate", "--network", conditional, "--class", "1", "--seeds", "5", "--trunc", "0.5", "--outdir", tmp_path)
    wanted = read(tmp_path / "seed0005.png")
    one_hot = np.eye(G.c_dim, dtype=np.float32)[[1]]
    assert (G(seed=5, label=1, psi=0.5) == wanted).all()
    assert (G(seed=5, label=one_hot, psi=0.5) == wanted).all()
    z = np.random.RandomState(5).randn(1, G.z_dim)
    assert (G(z, [1], psi=0.5)[0] == wanted).all()
    zero, one = G.generate([5, 5], label=[0, 1], psi=0.5, batch=2)
    assert (one == wanted).all() and (zero != wanted).any()


def test_mixing_is_that_of_the_command(G, tiny, stylegan, tmp_path):
    stylegan("mix", "--network", tiny, "--rows", "1", "--cols", "2", "--styles", "0-3", "--outdir", tmp_path)
    wanted = read(tmp_path / "1-2.png")
    for layers in ("0-3", "coarse", [0, 1, 2, 3]):
        assert (G.mix(1, 2, layers) == wanted).all(), layers


def test_mapping_and_synthesis_are_the_parts_of_a_picture(G, tiny, stylegan, tmp_path):
    stylegan("generate", "--network", tiny, "--seeds", "0-2", "--save-ws", "--outdir", tmp_path)
    z = np.concatenate([np.random.RandomState(seed).randn(1, G.z_dim) for seed in range(3)])
    assert (G.z(range(3)) == z.astype(np.float32)).all()
    ws = G.mapping(z)
    assert ws.dtype == np.float32 and ws.shape == (3, G.num_ws, G.w_dim)
    for seed in range(3):
        assert (ws[seed] == np.load(tmp_path / f"seed{seed:04}.npz")["w"][0]).all()
    pictures = G.synthesis(ws)
    assert pictures.shape == (3, 32, 32, 3)
    assert all((picture == G(seed=seed)).all() for seed, picture in enumerate(pictures))
    assert (G(z) == pictures).all()


def test_truncation_is_towards_the_average(G):
    z = G.z([6])
    full, half, first = G.mapping(z), G.mapping(z, psi=0.5), G.mapping(z, psi=0.5, cutoff=2)
    assert np.allclose(half, G.w_avg + np.float32(0.5) * (full - G.w_avg), atol=1e-6)
    assert (first[:, :2] == half[:, :2]).all() and (first[:, 2:] == full[:, 2:]).all()
    assert np.allclose(G.mapping(z, psi=0), G.w_avg, atol=1e-6)


def test_directions_change_pictures(G, tiny, stylegan, tmp_path):
    stylegan("directions", "--network", tiny, "-n", "3", "-o", tmp_path / "d.npz")
    found = G.directions(3)
    assert found.directions.shape == (3, G.w_dim) and found.sigma.shape == (3,) and found.mean.shape == (G.w_dim,)
    kept = np.load(tmp_path / "d.npz")
    assert (kept["directions"] == found.directions).all()
    assert np.allclose(found.directions @ found.directions.T, np.eye(3), atol=1e-4)
    ws = G.mapping(G.z(1))
    assert (G.synthesis(ws + 3 * found.sigma[0] * found.directions[0]) != G.synthesis(ws)).any()
    assert G.directions(1, method="pca").singular_values is None


def test_notebooks_show_pictures(G, tmp_path):
    picture = G(seed=1)
    assert isinstance(picture, stylegan_wgpu.Picture)
    (tmp_path / "shown.png").write_bytes(picture._repr_png_())
    assert (read(tmp_path / "shown.png") == picture).all()
    assert (np.asarray(picture.to_pil()) == picture).all()
    assert (picture[::2, ::2]).to_pil().size == (16, 16)
    for other in (G.synthesis(G.mapping(G.z([1, 2]))), picture[0], picture.astype(np.float32)):
        assert other._repr_png_() is None
    picture.save(tmp_path / "lossless.webp")
    assert (read(tmp_path / "lossless.webp") == picture).all()
    with pytest.raises(ValueError, match="ending says which format"):
        picture.save(tmp_path / "picture.bmp")


def test_a_stylegan3_is_moved_as_by_the_command(G, stylegan, tmp_path):
    network = ROOT.parent / "shared/fixtures/stylegan3-t-64/network.pkl"
    with pytest.raises(stylegan_wgpu.ArgumentError, match="stylegan2 cannot be moved"):
        G.transform(rotate=10)
    if not network.is_file():
        pytest.skip(f"{network} is not beside this checkout")
    moved = stylegan_wgpu.load(network)
    plain = moved(seed=1)
    flags = ["--translate", "0.2,-0.1", "--rotate", "20", "--zoom", "1.5"]
    stylegan("generate", "--network", network, "--seeds", "1", *flags, "--outdir", tmp_path)
    moved.transform(translate=(0.2, -0.1), rotate=20, zoom=1.5)
    assert (moved(seed=1) == read(tmp_path / "seed0001.png")).all()
    assert (moved(seed=1) != plain).any()
    with pytest.raises(stylegan_wgpu.ArgumentError, match="where its pictures lie"):
        moved.generate_into(tmp_path / "folder", [1])
    with pytest.raises(stylegan_wgpu.ArgumentError, match="zoom above 0"):
        moved.transform(zoom=0)
    moved.transform()
    assert (moved(seed=1) == plain).all()
