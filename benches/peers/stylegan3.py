"""The forward pass of StyleGAN3, configurations T and R, in PyTorch, as fast as its operators allow without a plugin.

Written from Karras et al. 2021 (arXiv 2106.12423), figure 4: Fourier features, modulated convolutions, and between them a leaky ReLU at a
higher sampling rate. Sizes, filters and weights are those of a file of `stylegan random-weights --stylegan3 t` (or of a converted
checkpoint), so that its picture can be compared with ours. What makes it strong:

- One image: styles and demodulation are multiplied into the weights. Several: into activations, so that one convolution serves the batch.
- Up-sampling is a depthwise convolution for each phase, along one axis, then along the other: no zeros are multiplied.
- Maps are channels-last, where a CPU's depthwise convolutions are two to three times as fast.
- A radial filter, which is not separable, is one depthwise convolution of stride 2; a separable one is two.
"""

import json
import math
import struct

import torch
import torch.nn.functional as F


def load(path):
    """Configuration and tensors of a .safetensors of ours."""
    from safetensors.torch import load_file

    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
    config = json.loads(header["__metadata__"]["config"])
    if config.get("network") != "stylegan3":
        raise SystemExit(f"{path} is no StyleGAN3: write one with stylegan random-weights --stylegan3 t --seed 0 -o t.safetensors")
    return config, {name: tensor.float() for name, tensor in load_file(path).items()}


class Mapping(torch.nn.Module):
    """z [N, z_dim] -> ws [N, num_ws, w_dim]; of unconditional networks."""

    def __init__(self, config, tensors):
        super().__init__()
        self.rows = len(config["layers"]) + 2
        self.count = config["num_layers"]
        for i in range(self.count):
            weight, rate = tensors[f"mapping.fc{i}.weight"], config["lr_multiplier"]
            self.register_buffer(f"weight{i}", weight * (rate / math.sqrt(weight.shape[1])))
            self.register_buffer(f"bias{i}", tensors[f"mapping.fc{i}.bias"] * rate)

    def forward(self, z):
        x = z * torch.rsqrt(z.square().mean(1, keepdim=True) + 1e-8)
        for i in range(self.count):
            x = F.leaky_relu(F.linear(x, getattr(self, f"weight{i}"), getattr(self, f"bias{i}")), 0.2) * math.sqrt(2)
        return x[:, None].expand(-1, self.rows, -1)


class Synthesis(torch.nn.Module):
    """ws [N, num_ws, w_dim] -> 8-bit images [N, H, W, C], or [N, C, H, W] as they are with `planes`."""

    def __init__(self, config, tensors, fold, planes=False):
        super().__init__()
        self.config, self.fold, self.planes = config, fold, planes
        self.names = [layer["name"] for layer in config["layers"]]
        self.torgb = config["torgb"]["name"]
        for name, tensor in tensors.items():
            if name.startswith("synthesis."):
                self.register_buffer(key(name.removeprefix("synthesis.")), tensor.contiguous())
        w_dim = config["w_dim"]
        for name in ["input", *self.names, self.torgb]:
            self.get(f"{name}.affine.weight").mul_(1 / math.sqrt(w_dim))
        for layer in config["layers"]:
            name = layer["name"]
            # What the layer's input was divided by in training; and the square of the weights for demodulation.
            weight = self.get(f"{name}.weight")
            weight.div_(weight.square().mean((1, 2, 3), keepdim=True).sqrt())
            self.register_buffer(key(f"{name}.energy"), weight.square().sum((2, 3)))
            if layer["up_taps"] > 1:
                self.get(f"{name}.up_filter").mul_(layer["up_factor"])

    def get(self, name):
        return getattr(self, key(name))

    def style(self, name, ws, row):
        return F.linear(ws[:, row], self.get(f"{name}.affine.weight"), self.get(f"{name}.affine.bias"))

    def forward(self, ws):
        x = self.fourier_features(ws)
        for i, layer in enumerate(self.config["layers"]):
            x = self.layer(layer, x, ws, i + 1)
        image = self.to_rgb(x, ws)
        if self.planes:
            return image
        return (image.permute(0, 2, 3, 1) * 127.5 + 128).clamp(0, 255).to(torch.uint8)

    def fourier_features(self, ws):
        spec = self.config["input"]
        (height, width), rate = spec["size"], spec["sampling_rate"]
        t = self.style("input", ws, 0)
        t = t / t[:, :2].norm(dim=1, keepdim=True)
        zero, one = torch.zeros_like(t[:, 0]), torch.ones_like(t[:, 0])
        turn = torch.stack([t[:, 0], -t[:, 1], zero, t[:, 1], t[:, 0], zero, zero, zero, one], 1).reshape(-1, 3, 3)
        move = torch.stack([one, zero, -t[:, 2], zero, one, -t[:, 3], zero, zero, one], 1).reshape(-1, 3, 3)
        own = turn @ move @ self.get("input.transform")
        phases = self.get("input.phases") + (self.get("input.freqs") @ own[:, :2, 2:])[..., 0]
        freqs = self.get("input.freqs") @ own[:, :2, :2]
        beyond = (freqs.norm(dim=2) - spec["bandwidth"]) / (rate / 2 - spec["bandwidth"])
        amplitudes = (1 - beyond).clamp(0, 1)
        x = ((2 * torch.arange(width, device=ws.device) + 1) / width - 1) * (width / (2 * rate))
        y = ((2 * torch.arange(height, device=ws.device) + 1) / height - 1) * (height / (2 * rate))
        angle = freqs[:, :, 0, None, None] * x + freqs[:, :, 1, None, None] * y[:, None] + phases[:, :, None, None]
        features = torch.sin(2 * math.pi * angle) * amplitudes[:, :, None, None]
        weight = self.get("input.weight") / math.sqrt(features.shape[1])
        return F.conv2d(features.to(ws.dtype), weight[:, :, None, None])

    def layer(self, layer, x, ws, row):
        name, kernel = layer["name"], layer["conv_kernel"]
        style = self.style(name, ws, row)
        style = style * torch.rsqrt(style.square().mean(1, keepdim=True))
        demod = torch.rsqrt(style.square() @ self.get(f"{name}.energy").t() + 1e-8)
        demod = demod * torch.rsqrt(self.get(f"{name}.magnitude_ema"))
        weight, bias = self.get(f"{name}.weight"), self.get(f"{name}.bias")
        if self.fold:
            x = F.conv2d(x, weight * style[0][:, None, None] * demod[0][:, None, None, None], bias, padding=kernel - 1)
        else:
            x = F.conv2d(x * style[:, :, None, None], weight, padding=kernel - 1) * demod[:, :, None, None] + bias[:, None, None]
        return self.filtered_lrelu(layer, x)

    def filtered_lrelu(self, layer, x):
        name, up, down = layer["name"], layer["up_factor"], 2
        x0, x1, y0, y1 = layer["padding"]
        x = self.up_sample(x, name, up, layer["up_taps"], (x0, x1), 3)
        x = self.up_sample(x, name, up, layer["up_taps"], (y0, y1), 2)
        x = F.leaky_relu_(x, 0.2).mul_(math.sqrt(2))
        if layer.get("conv_clamp") is not None:
            x = x.clamp_(-layer["conv_clamp"], layer["conv_clamp"])
        taps, channels = layer["down_taps"], x.shape[1]
        if taps == 1:
            return x[:, :, ::down, ::down]
        taps = self.get(f"{name}.down_filter")
        if layer.get("down_radial", False):
            return F.conv2d(x, taps.flip(0, 1).expand(channels, 1, -1, -1), stride=down, groups=channels)
        taps = taps.flip(0)
        x = F.conv2d(x, taps.expand(channels, 1, 1, -1), stride=(1, down), groups=channels)
        return F.conv2d(x, taps[:, None].expand(channels, 1, -1, 1), stride=(down, 1), groups=channels)

    def up_sample(self, x, name, up, taps, padding, axis):
        """Zeros between the samples and around them (or less of them, where it is negative), then the filter, along one axis.

        A depthwise convolution for each phase, and the phases interleaved: twice as fast on CPUs as a transposed convolution."""
        channels, count = x.shape[1], x.shape[axis] * up + sum(padding) - taps + 1
        if taps == 1:
            weights = x.new_ones(1, 1)
        else:
            # The output p * up + q reads every up-th tap, from q on.
            weights = self.get(f"{name}.up_filter").flip(0)
            weights = F.pad(weights, (0, -taps % up)).reshape(-1, up).t().flip(1)
        reach = weights.shape[1] - 1
        shape = (channels, 1, 1, -1) if axis == 3 else (channels, 1, -1, 1)
        margin = (0, reach) if axis == 3 else (reach, 0)
        phases = [F.conv2d(x, w.reshape(shape[1:]).expand(shape), padding=margin, groups=channels) for w in weights]
        # Of channels-last maps, whole pixels are moved.
        x = torch.stack([phase.permute(0, 2, 3, 1) for phase in phases], axis).flatten(axis - 1, axis).permute(0, 3, 1, 2)
        first = taps - 1 - padding[0]
        before, after = max(0, -first), max(0, first + count - x.shape[axis])
        if before or after:
            x = F.pad(x, (before, after) if axis == 3 else (0, 0, before, after))
        return x.narrow(axis, max(0, first), count)

    def to_rgb(self, x, ws):
        name, torgb = self.torgb, self.config["torgb"]
        gain = 1 / math.sqrt(x.shape[1]) * torch.rsqrt(self.get(f"{name}.magnitude_ema"))
        style = self.style(name, ws, len(self.names) + 1) * gain
        weight, bias = self.get(f"{name}.weight"), self.get(f"{name}.bias")
        if self.fold:
            image = F.conv2d(x, weight * style[0][:, None, None], bias)
        else:
            image = F.conv2d(x * style[:, :, None, None], weight, bias)
        if torgb.get("conv_clamp") is not None:
            image = image.clamp(-torgb["conv_clamp"], torgb["conv_clamp"])
        return image.float() * self.config["output_scale"]


def facts(config, tensors):
    """What a report says of the network. Only convolutions are counted, on what they put out; papers count filters, mapping and styles, too."""
    layers = config["layers"]
    macs = sum(
        layer["in_channels"] * layer["out_channels"] * layer["conv_kernel"] ** 2 * math.prod(side + layer["conv_kernel"] - 1 for side in layer["in_size"])
        for layer in layers
    )
    size, image = config["input"]["size"], layers[-1]["out_size"]
    macs += config["input"]["channels"] ** 2 * math.prod(size) + layers[-1]["out_channels"] * config["torgb"]["img_channels"] * math.prod(image)
    return {
        "name": "stylegan3",
        "source": "random",
        "resolution": max(image),
        "parameters": sum(tensor.numel() for name, tensor in tensors.items() if name.endswith((".weight", ".bias"))),
        "gmac": macs / 1e9,
        "gmac_papers": macs / 1e9,
    }


def key(name):
    """A buffer's name has no dots."""
    return name.replace(".", "_")
