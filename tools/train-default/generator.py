"""A StyleGAN2 generator (skip architecture, no noise) in PyTorch, written from the paper's equations.

Names and shapes of the parameters are those of our model file (docs/file-format.md), so a state dict is a file's contents.
"""

import math

import torch
from torch import nn
from torch.nn import functional as F

CONFIG = {
    "network": "stylegan2",
    "z_dim": 64,
    "w_dim": 128,
    "img_resolution": 128,
    "img_channels": 3,
    "channel_base": 4096,
    "channel_max": 128,
    "num_layers": 4,
    "layer_features": 256,
    "lr_multiplier": 1.0,
    "use_noise": False,
    "architecture": "skip",
}
EPSILON = 1e-8


def channels(resolution):
    return min(CONFIG["channel_base"] // resolution, CONFIG["channel_max"])


def resolutions(last):
    return [2**power for power in range(2, int(math.log2(last)) + 1)]


def activate(x):
    """Leaky ReLU with the gain that keeps the variance."""
    return F.leaky_relu(x, 0.2) * math.sqrt(2)


def blur(x, padding):
    """The filter [1, 3, 3, 1] / 4 along both axes; after inserting zeros between pixels its sum of 2 per axis is a gain of 1."""
    x = F.pad(x, padding)
    x = (x[..., :-3] + x[..., 3:] + 3 * (x[..., 1:-2] + x[..., 2:-1])) / 4
    return (x[..., :-3, :] + x[..., 3:, :] + 3 * (x[..., 1:-2, :] + x[..., 2:-1, :])) / 4


def upsample(image):
    """Twice the side: zeros between the pixels, then the filter."""
    n, c, height, width = image.shape
    spread = image.new_zeros(n, c, 2 * height, 2 * width)
    spread[:, :, ::2, ::2] = image
    return blur(spread, (2, 1, 2, 1))


class FullyConnected(nn.Module):
    """The learning rate is equalised: weights are stored with unit variance and scaled by 1/sqrt(inputs) when they are used."""

    def __init__(self, inputs, outputs, bias=0.0):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs))
        self.bias = nn.Parameter(torch.full((outputs,), bias))

    def forward(self, x):
        return F.linear(x, self.weight / math.sqrt(self.weight.shape[1]), self.bias)


class StyledConv(nn.Module):
    """A 3x3 convolution with modulated inputs and demodulated outputs; upsampling ones double the side."""

    def __init__(self, inputs, outputs, up):
        super().__init__()
        self.up = up
        self.affine = FullyConnected(CONFIG["w_dim"], inputs, bias=1.0)
        self.weight = nn.Parameter(torch.randn(outputs, inputs, 3, 3))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x, w):
        style = self.affine(w)
        demodulation = (style.square() @ self.weight.square().sum((2, 3)).t() + EPSILON).rsqrt()
        weight = self.weight.to(x.dtype)
        x = x * style[:, :, None, None].to(x.dtype)
        if self.up:
            x = blur(F.conv_transpose2d(x, weight.transpose(0, 1), stride=2), (1, 1, 1, 1))
        else:
            x = F.conv2d(x, weight, padding=1)
        x = x * demodulation[:, :, None, None].to(x.dtype)
        return activate(x + self.bias[None, :, None, None].to(x.dtype))


class ToRgb(nn.Module):
    """A modulated 1x1 convolution to colours, without demodulation."""

    def __init__(self, inputs):
        super().__init__()
        self.affine = FullyConnected(CONFIG["w_dim"], inputs, bias=1.0)
        # Smaller than the usual 1: the first pictures are then of the range of an image, whatever the resolution.
        self.weight = nn.Parameter(0.2 * torch.randn(CONFIG["img_channels"], inputs, 1, 1))
        self.bias = nn.Parameter(torch.zeros(CONFIG["img_channels"]))

    def forward(self, x, w):
        style = self.affine(w) / math.sqrt(self.weight.shape[1])
        colours = F.conv2d(x * style[:, :, None, None].to(x.dtype), self.weight.to(x.dtype))
        # The sum over the resolutions is always at full precision.
        return colours.to(self.bias.dtype) + self.bias[None, :, None, None]


class Block(nn.Module):
    def __init__(self, resolution):
        super().__init__()
        outputs = channels(resolution)
        if resolution == 4:
            self.const = nn.Parameter(torch.randn(outputs, 4, 4))
        else:
            self.conv0 = StyledConv(channels(resolution // 2), outputs, up=True)
        self.conv1 = StyledConv(outputs, outputs, up=False)
        self.torgb = ToRgb(outputs)


class Mapping(nn.Module):
    def __init__(self):
        super().__init__()
        hidden = [CONFIG["layer_features"]] * (CONFIG["num_layers"] - 1)
        features = [CONFIG["z_dim"], *hidden, CONFIG["w_dim"]]
        for i, (inputs, outputs) in enumerate(zip(features, features[1:])):
            setattr(self, f"fc{i}", FullyConnected(inputs, outputs))

    def forward(self, z):
        x = z * (z.square().mean(1, keepdim=True) + EPSILON).rsqrt()
        for layer in self.children():
            x = activate(layer(x))
        return x


class Synthesis(nn.Module):
    def __init__(self, resolution):
        super().__init__()
        for side in resolutions(resolution):
            setattr(self, f"b{side}", Block(side))

    def forward(self, w, dtype):
        image = None
        for block in self.children():
            if image is None:
                x = block.const.to(dtype).expand(len(w), -1, -1, -1).contiguous(memory_format=torch.channels_last)
            else:
                x = block.conv0(x, w)
            x = block.conv1(x, w)
            colours = block.torgb(x, w)
            image = colours if image is None else upsample(image) + colours
        return image


class Generator(nn.Module):
    """z or w to images of around -1..1, `[N, 3, resolution, resolution]`."""

    def __init__(self, resolution):
        super().__init__()
        self.mapping = Mapping()
        self.synthesis = Synthesis(resolution)

    def forward(self, z, dtype=torch.float32):
        return self.synthesis(self.mapping(z), dtype)
