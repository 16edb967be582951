"""The forward pass of StyleGAN2's config F at 1024x1024 in PyTorch, as fast as its operators allow.

Written from the equations of Karras et al. 2020 (arXiv 1912.04958): modulation (1), demodulation (3), skip generator (figure 7b).
The weights are random: this is for timing. What makes it strong:

- Up-sampling convolutions are transposed convolutions of stride 2 and a separable filter: 45 GFLOP. A convolution of the
  zero-inserted image, or one kernel with the filter merged in, is four times that.
- The style affines of all layers are one matrix product, as are the demodulation factors of all layers.
- One image: styles and demodulation are multiplied into the weights, which are smaller than the activations from 64x64 up.
  Several images, and exports: into activations, so that the weights are constant and one convolution serves the batch.
- Nothing depends on data, so that the whole pass compiles to one graph, or is captured in a CUDA graph.
"""

import math

import torch
import torch.nn.functional as F

RESOLUTIONS = [4 << i for i in range(9)]


def channels(resolution):
    return min(32768 // resolution, 512)


class Synthesis(torch.nn.Module):
    """ws [N, 18, 512] -> 8-bit images [N, 1024, 1024, 3], or [N, 3, 1024, 1024] with `planes`."""

    def __init__(self, fold, planes=False, filter_by_convolution=True):
        super().__init__()
        self.fold = fold
        self.planes = planes
        self.filter_by_convolution = filter_by_convolution
        self.layers = []  # name, ws row, inputs, outputs, resolution, kind
        for i, resolution in enumerate(RESOLUTIONS):
            below, here = channels(resolution // 2), channels(resolution)
            if i > 0:
                self.layers.append((f"b{resolution}_conv0", 2 * i - 1, below, here, resolution, "up"))
            self.layers.append((f"b{resolution}_conv1", 2 * i, here, here, resolution, "same"))
            self.layers.append((f"b{resolution}_torgb", 2 * i + 1, here, 3, resolution, "rgb"))
        generator = torch.Generator().manual_seed(0)

        def parameter(name, *shape, scale=1.0):
            self.register_buffer(name, torch.randn(*shape, generator=generator) * scale)

        parameter("const", 1, 512, 4, 4)
        for name, _, inputs, outputs, resolution, kind in self.layers:
            kernel = 1 if kind == "rgb" else 3
            parameter(f"{name}_affine", inputs, 512, scale=1 / math.sqrt(512))
            # A transposed convolution has its inputs first.
            shape = (inputs, outputs) if kind == "up" else (outputs, inputs)
            parameter(f"{name}_weight", *shape, kernel, kernel, scale=1 / math.sqrt(inputs * kernel * kernel))
            parameter(f"{name}_bias", outputs, scale=0.1)
            if kind != "rgb":
                parameter(f"{name}_noise", 1, 1, resolution, resolution, scale=0.1)
        taps = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 4  # sum 2 on each axis: the gain of up-sampling
        self.register_buffer("filter", torch.outer(taps, taps))
        # Sum over a kernel's taps of the squared weights: demodulation is then a matrix product with the squared styles.
        for name, _, _, _, _, kind in self.layers:
            if kind != "rgb":
                energy = getattr(self, f"{name}_weight").square().sum((2, 3))
                self.register_buffer(f"{name}_energy", energy if kind == "up" else energy.t().contiguous())

    def forward(self, ws):
        img = None
        x = self.const.expand(ws.shape[0], -1, -1, -1)
        for layer in self.layers:
            name, row, _, _, _, kind = layer
            style = F.linear(ws[:, row], getattr(self, f"{name}_affine")) + 1
            if kind == "rgb":
                rgb = self.to_rgb(name, x, style)
                img = rgb if img is None else self.upsample(img) + rgb
            else:
                x = self.layer(name, x, style, kind)
        if self.planes:
            return img
        return (img.permute(0, 2, 3, 1) * 127.5 + 128).clamp(0, 255).to(torch.uint8)

    def layer(self, name, x, style, kind):
        weight = getattr(self, f"{name}_weight")
        # In f32: squares of hundreds overflow f16.
        demod = torch.rsqrt(style.float().square() @ getattr(self, f"{name}_energy").float() + 1e-8).to(x.dtype)
        if self.fold:
            inputs, outputs = style[0], demod[0]
            factor = inputs[:, None] * outputs[None] if kind == "up" else outputs[:, None] * inputs[None]
            weight = weight * factor[:, :, None, None]
        else:
            x = x * style[:, :, None, None]
        if kind == "up":
            x = self.low_pass(F.conv_transpose2d(x, weight, stride=2))
        else:
            x = F.conv2d(x, weight, padding=1)
        if not self.fold:
            x = x * demod[:, :, None, None]
        x = x + (getattr(self, f"{name}_noise") + getattr(self, f"{name}_bias")[None, :, None, None])
        return (F.leaky_relu(x, 0.2) * math.sqrt(2)).clamp(-256, 256)

    def low_pass(self, x):
        """[N, C, 2H+1, 2W+1] -> [N, C, 2H, 2W]: 4 taps an axis."""
        count = x.shape[1]
        if self.filter_by_convolution:
            return F.conv2d(x, self.filter.expand(count, 1, 4, 4), padding=1, groups=count)
        # Shifted sums: a compiler makes one kernel of them and what follows.
        x = F.pad(x, (1, 1, 1, 1))
        rows = (x[:, :, :-3] + x[:, :, 3:]) * 0.25 + (x[:, :, 1:-2] + x[:, :, 2:-1]) * 0.75
        return (rows[..., :-3] + rows[..., 3:]) * 0.25 + (rows[..., 1:-2] + rows[..., 2:-1]) * 0.75

    def to_rgb(self, name, x, style):
        weight = getattr(self, f"{name}_weight")[None, :, :, 0, 0] * style[:, None] / math.sqrt(x.shape[1])
        n, c, height, width = x.shape
        if x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous():
            rgb = torch.bmm(x.permute(0, 2, 3, 1).reshape(n, height * width, c), weight.transpose(1, 2))
            rgb = rgb.reshape(n, height, width, 3).permute(0, 3, 1, 2)
        else:
            rgb = torch.bmm(weight, x.reshape(n, c, height * width)).reshape(n, 3, height, width)
        return (rgb + getattr(self, f"{name}_bias")[None, :, None, None]).clamp(-256, 256).float()

    def upsample(self, img):
        return F.conv_transpose2d(img, self.filter.float().expand(3, 1, 4, 4), stride=2, padding=1, groups=3)


class Mapping(torch.nn.Module):
    """z [N, 512] -> ws [N, 18, 512]."""

    def __init__(self):
        super().__init__()
        generator = torch.Generator().manual_seed(1)
        for i in range(8):
            self.register_buffer(f"weight{i}", torch.randn(512, 512, generator=generator) / math.sqrt(512))

    def forward(self, z):
        x = z * torch.rsqrt(z.square().mean(1, keepdim=True) + 1e-8)
        for i in range(8):
            x = F.leaky_relu(F.linear(x, getattr(self, f"weight{i}")), 0.2) * math.sqrt(2)
        return x[:, None].expand(-1, 18, -1)
