"""The network: a residual 3-D U-Net whose levels start at half resolution, with a thin level at full resolution."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

IN_CHANNELS = 4
REGIONS = ("WT", "TC", "ET")
WIDTHS = (24, 48, 64, 80, 80)
RIM_WIDTH = 8
# Every side of the input must divide by this: stem (2) times four down-samplings (16).
SIDE_MULTIPLE = 2 ** len(WIDTHS)


class Norm(nn.Module):
    """Instance normalisation (Ulyanov 2016) with a learnt gain and shift per channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        if len(x) == 1 and not torch.onnx.is_in_onnx_export():
            # Of a batch of one the batch's statistics are the instance's; batch_norm works on channels-last
            # memory as it lies, instance_norm copies it (a seventh of an iteration on CPU).
            return F.batch_norm(x, None, None, self.weight, self.bias, training=True)
        return F.instance_norm(x, weight=self.weight, bias=self.bias)


def activate(x: Tensor) -> Tensor:
    return F.leaky_relu(x, 0.01, inplace=True)


class ResidualBlock(nn.Module):
    """Two 3³ convolutions around an identity (He 2016). Shape [batch, channels, x, y, z] stays."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(channels, channels, 3, padding=1, bias=False)
        self.norm1 = Norm(channels)
        self.conv2 = nn.Conv3d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = Norm(channels)

    def forward(self, x: Tensor) -> Tensor:
        y = activate(self.norm1(self.conv1(x)))
        return activate(self.norm2(self.conv2(y)) + x)


class Down(nn.Module):
    """Halves every side with a 2³ convolution."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.conv = nn.Conv3d(channels_in, channels_out, 2, stride=2, bias=False)
        self.norm = Norm(channels_out)

    def forward(self, x: Tensor) -> Tensor:
        return activate(self.norm(self.conv(x)))


class Up(nn.Module):
    """Doubles every side, joins the encoder's features of that level and mixes both with one 3³ convolution."""

    def __init__(self, channels_in: int, channels_skip: int, channels_out: int) -> None:
        super().__init__()
        self.up = nn.ConvTranspose3d(channels_in, channels_out, 2, stride=2)
        self.conv = nn.Conv3d(channels_out + channels_skip, channels_out, 3, padding=1, bias=False)
        self.norm = Norm(channels_out)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        return activate(self.norm(self.conv(torch.cat((self.up(x), skip), dim=1))))


class GliomaNet(nn.Module):
    """U-Net (Çiçek 2016) for nested tumour regions.

    Input [batch, 4, x, y, z]: T1, T1ce, T2, FLAIR as z-scores, axes toward L, P, S, 1 mm, sides divisible by 32.
    Output: logits [batch, 3, x, y, z] of WT, TC, ET. In training mode a list, followed by the logits of the two
    auxiliary heads at 1/4 and 1/8 of the resolution (deep supervision, Lee 2015).
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = Down(IN_CHANNELS, WIDTHS[0])
        self.downs = nn.ModuleList(Down(a, b) for a, b in zip(WIDTHS, WIDTHS[1:]))
        self.blocks = nn.ModuleList(ResidualBlock(c) for c in WIDTHS)
        self.ups = nn.ModuleList(Up(b, a, a) for a, b in zip(WIDTHS, WIDTHS[1:]))
        # The enhancing rim is one or two voxels thick, thinner than a voxel of the first level:
        # this level sees the images themselves beside the up-sampled features.
        self.rim = Up(WIDTHS[0], IN_CHANNELS, RIM_WIDTH)
        self.head = nn.Conv3d(RIM_WIDTH, len(REGIONS), 1)
        self.auxiliary = nn.ModuleList(nn.Conv3d(c, len(REGIONS), 1) for c in WIDTHS[1:3])

    def forward(self, image: Tensor) -> Tensor | list[Tensor]:
        x = self.stem(image)
        skips: list[Tensor] = []
        for level, block in enumerate(self.blocks):
            x = block(x if level == 0 else self.downs[level - 1](x))
            skips.append(x)
        auxiliary: list[Tensor] = []
        for level in reversed(range(len(self.ups))):
            x = self.ups[level](x, skips[level])
            if self.training and level in (1, 2):
                auxiliary.insert(0, self.auxiliary[level - 1](x))
        logits = self.head(self.rim(x, image))
        return [logits, *auxiliary] if self.training else logits
