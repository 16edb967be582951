"""Fits the default model to procedurally drawn avatars. README.md beside this file says how to run it.

This is a regression, not adversarial training. z (64 Gaussians) is read in blocks, one per attribute of an avatar; the largest
number of a block picks the variant. First the mapping network learns that rule; then, with the mapping fixed, the synthesis
network learns the drawing (L1 on pixels and on edges), at half the resolution and then at the full one. The target is
deterministic, which makes the most of little compute.
"""

import argparse
import json
import math
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

from generator import CONFIG, Generator

SEED = 0
BATCH = 16
HELD_OUT = 64
PROVENANCE = {
    "source_format": "trained by tools/train-default",
    "source_name": "open-peeps-128",
    "training": "fitted by regression (not a GAN) to {count:,} avatars drawn procedurally with @dicebear/collection 9.4.3, style open-peeps",
    "drawings": "Open Peeps by Pablo Stanley, CC0 1.0",
    "licence": "CC0 1.0 Universal: no rights reserved, https://creativecommons.org/publicdomain/zero/1.0/",
}


class Avatars:
    """All drawings at one resolution in memory, with the choices they were drawn from."""

    def __init__(self, folder, resolution):
        images, choices = [], []
        for part in sorted(path.parent for path in Path(folder).glob("*/attributes.json")):
            about = json.loads((part / "attributes.json").read_text())
            side, self.lengths = about["size"], [attribute["length"] for attribute in about["lists"]]
            drawn = np.fromfile(part / "attributes.bin", np.uint8).reshape(-1, len(self.lengths))
            full = np.memmap(part / "images.bin", np.uint8, "r").reshape(-1, side, side, 3)
            assert len(drawn) == len(full), f"{part}: {len(full)} images, {len(drawn)} choices"
            # One by one: all of them at full size and as floats would be tens of gigabytes.
            images += [shrink(image, resolution) for image in full]
            choices.append(drawn)
        assert len(images) > HELD_OUT, f"{folder} holds {len(images)} drawings; run render.mjs first"
        assert sum(self.lengths) <= min(CONFIG["z_dim"], CONFIG["w_dim"])
        self.images, self.choices = np.stack(images), np.concatenate(choices)
        self.training = len(images) - HELD_OUT

    def targets(self, indices):
        """Images of -1..1, `[N, 3, R, R]`."""
        return torch.from_numpy(self.images[indices].astype(np.float32) / 127.5 - 1).permute(0, 3, 1, 2)


def shrink(image, resolution):
    """The mean of the pixels that become one."""
    factor = image.shape[0] // resolution
    return image.reshape(resolution, factor, resolution, factor, 3).mean((1, 3)).round().astype(np.uint8)


def blocks(lengths):
    """The part of z that every attribute is read from."""
    ends = np.cumsum(lengths)
    return [slice(end - length, end) for end, length in zip(ends, lengths)]


def latents(choices, lengths, rng):
    """Gaussian z that mean these choices: in every block, the largest number changes places with the one that has to be largest."""
    z = rng.randn(len(choices), CONFIG["z_dim"]).astype(np.float32)
    rows = np.arange(len(choices))
    for block, wanted in zip(blocks(lengths), choices.T):
        part = z[:, block]
        largest = part.argmax(1)
        part[rows, largest], part[rows, wanted] = part[rows, wanted], part[rows, largest]
    return torch.from_numpy(z)


def fit_mapping(generator, lengths, steps, device):
    """Teaches w to be 2.5 at the choice of every block, and 0 elsewhere."""
    optimiser = torch.optim.Adam(generator.mapping.parameters())
    for step in range(steps):
        z = torch.randn(1024, CONFIG["z_dim"], device=device)
        wanted = torch.zeros(1024, CONFIG["w_dim"], device=device)
        for block in blocks(lengths):
            wanted[torch.arange(1024, device=device), block.start + z[:, block].argmax(1)] = 2.5
        for group in optimiser.param_groups:
            group["lr"] = 2e-3 * (1 - step / steps) + 1e-5
        loss = (generator.mapping(z) - wanted).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        z = torch.randn(4096, CONFIG["z_dim"], device=device)
        w = generator.mapping(z)
        right = [(w[:, block].argmax(1) == z[:, block].argmax(1)).float().mean().item() for block in blocks(lengths)]
    print(f"mapping: loss {loss.item():.4f}, choices read right", " ".join(f"{share:.3f}" for share in right), flush=True)


def learning_rate(step, steps, peak):
    """A short warm-up, the peak for half of the steps, then half a cosine down."""
    done = step / steps
    decay = 1 if done < 0.5 else 0.5 * (1 + math.cos(math.pi * (done - 0.5) / 0.5))
    return peak * min(1, step / 100) * decay + 1e-5


def edges(image):
    return image[..., 1:] - image[..., :-1], image[..., 1:, :] - image[..., :-1, :]


def fit_synthesis(generator, avatars, steps, peak, rng, device):
    """Fits the drawings and returns the running average of the parameters, which is what is kept."""
    generator.mapping.requires_grad_(False)
    optimiser = torch.optim.Adam(generator.synthesis.parameters(), betas=(0.9, 0.99))
    average = {name: value.clone() for name, value in generator.state_dict().items()}
    start, total = time.time(), 0.0
    for step in range(1, steps + 1):
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(step, steps, peak)
        indices = rng.randint(0, avatars.training, BATCH)
        z = latents(avatars.choices[indices], avatars.lengths, rng).to(device)
        # bfloat16 halves the memory traffic, and needs no scaling of the loss.
        error = generator(z, torch.bfloat16) - avatars.targets(indices).to(device)
        loss = error.abs().mean() + 0.5 * sum(edge.abs().mean() for edge in edges(error))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        with torch.no_grad():
            for name, value in generator.state_dict().items():
                average[name].lerp_(value, 1 - min(0.998, step / (step + 50)))
        total += loss.item()
        if step % 200 == 0 or step == steps:
            count = (step - 1) % 200 + 1
            rate = step * BATCH / (time.time() - start)
            print(f"step {step} of {steps}: loss {total / count:.4f}, {rate:.1f} images a second", flush=True)
            total = 0.0
    return average


def seed_latents(seeds):
    """z of NVIDIA's generate.py, and of ours."""
    return torch.from_numpy(np.concatenate([np.random.RandomState(seed).randn(1, CONFIG["z_dim"]) for seed in seeds]))


@torch.no_grad()
def export(state, count, folder):
    """Writes the model, and what it draws for the seeds 0 to 3, computed in f64 from the weights as they were written."""
    half = {name: value.cpu().half() for name, value in state.items()}
    generator = Generator(CONFIG["img_resolution"]).double()
    generator.load_state_dict({name: value.double() for name, value in half.items()})
    many = torch.from_numpy(np.random.RandomState(123).randn(10000, CONFIG["z_dim"]))
    half["mapping.w_avg"] = generator.mapping(many).mean(0).half()
    provenance = {key: text.format(count=count) for key, text in PROVENANCE.items()}
    metadata = {"format_version": "1", "config": json.dumps(CONFIG), "provenance": json.dumps(provenance)}
    save_file({name: value.contiguous() for name, value in half.items()}, folder / "open-peeps-128.safetensors", metadata)

    z = seed_latents(range(4))
    w = generator.mapping(z)
    rows = 2 * len(list(generator.synthesis.children()))
    expected = {"z": z, "ws": w[:, None].repeat(1, rows, 1), "image": generator.synthesis(w, torch.float64)}
    save_file({name: value.float().contiguous() for name, value in expected.items()}, folder / "expected.safetensors")


@torch.no_grad()
def sheet(state, avatars, rng, path):
    """Rows of eight: drawings that were held out, what the network makes of them, and the seeds 0 to 15."""
    side = avatars.images.shape[1]
    generator = Generator(side)
    generator.load_state_dict({name: value.cpu() for name, value in state.items()})
    held_out = np.arange(avatars.training, avatars.training + 8)
    fitted = generator(latents(avatars.choices[held_out], avatars.lengths, rng))
    sampled = generator(seed_latents(range(16)).float())
    cells = torch.cat([avatars.targets(held_out), fitted, sampled])
    pixels = (cells * 127.5 + 128).clamp(0, 255).to(torch.uint8).reshape(4, 8, 3, side, side)
    Image.fromarray(pixels.permute(0, 3, 1, 4, 2).reshape(4 * side, 8 * side, 3).numpy()).save(path)


def main():
    parser = argparse.ArgumentParser(description="Fits the default model to the drawings of render.mjs.")
    parser.add_argument("--data", default="data", help="folder with one folder per run of render.mjs")
    parser.add_argument("--out", default="trained", type=Path)
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--mapping-steps", type=int, default=20000)
    parser.add_argument("--half-steps", type=int, default=6000, help="steps at half the resolution")
    parser.add_argument("--full-steps", type=int, default=3000, help="steps at the full resolution")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(SEED)
    rng = np.random.RandomState(SEED)

    full = CONFIG["img_resolution"]
    avatars = Avatars(args.data, full // 2)
    print(f"{len(avatars.images)} drawings, {HELD_OUT} of them held out", flush=True)
    generator = Generator(full // 2).to(args.device)
    fit_mapping(generator, avatars.lengths, args.mapping_steps, args.device)
    state = fit_synthesis(generator, avatars, args.half_steps, 3e-3, rng, args.device)
    sheet(state, avatars, rng, args.out / f"sheet-{full // 2}.png")

    avatars = Avatars(args.data, full)
    generator = Generator(full)
    # The new block has nothing to add yet: its colours start near zero.
    getattr(generator.synthesis, f"b{full}").torgb.weight.data.mul_(0.05)
    generator.load_state_dict(state, strict=False)
    state = fit_synthesis(generator.to(args.device), avatars, args.full_steps, 2e-3, rng, args.device)
    sheet(state, avatars, rng, args.out / f"sheet-{full}.png")
    export(state, len(avatars.images), args.out)


if __name__ == "__main__":
    main()
