"""The network: a residual 3-D U-Net, thin at full resolution, whose residual levels start at half of it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

IN_CHANNELS = 4
REGIONS = ("WT", "TC", "ET")
WIDTHS = (24, 48, 64, 80, 80)
# At full resolution a channel costs eight times as much as one level below.
FINE_WIDTH = 8
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
        self.c1 = nn.Conv3d(channels, channels, 3, padding=1, bias=False)
        self.n1 = Norm(channels)
        self.c2 = nn.Conv3d(channels, channels, 3, padding=1, bias=False)
        self.n2 = Norm(channels)

    def forward(self, x: Tensor) -> Tensor:
        y = activate(self.n1(self.c1(x)))
        return activate(self.n2(self.c2(y)) + x)


class Mix(nn.Module):
    """One normalised 3³ convolution over joined features."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.c1 = nn.Conv3d(channels_in, channels_out, 3, padding=1, bias=False)
        self.n1 = Norm(channels_out)

    def forward(self, *features: Tensor) -> Tensor:
        return activate(self.n1(self.c1(torch.cat(features, dim=1))))


class GliomaNet(nn.Module):
    """U-Net (Çiçek 2016) for nested tumour regions.

    Input [batch, 4, x, y, z]: T1, T1ce, T2, FLAIR as z-scores, axes toward L, P, S, 1 mm, sides divisible by 32.
    Output: logits [batch, 3, x, y, z] of WT, TC, ET. In training mode a list, followed by the logits of the two
    auxiliary heads at 1/4 and 1/8 of the resolution (deep supervision, Lee 2015).
    """

    def __init__(self) -> None:
        super().__init__()
        pairs = list(zip(WIDTHS, WIDTHS[1:]))
        # The enhancing rim is one or two voxels thick, thinner than a voxel of the level below.
        self.fine = Mix(IN_CHANNELS, FINE_WIDTH)
        self.stem = nn.Conv3d(FINE_WIDTH, WIDTHS[0], 2, stride=2)
        self.enc = nn.ModuleList(ResidualBlock(c) for c in WIDTHS)
        self.down = nn.ModuleList(nn.Conv3d(a, b, 2, stride=2, bias=False) for a, b in pairs)
        self.up = nn.ModuleList(nn.ConvTranspose3d(b, a, 2, stride=2, bias=False) for a, b in pairs)
        self.dec = nn.ModuleList(Mix(2 * a, a) for a, _ in pairs)
        self.up_fine = nn.ConvTranspose3d(WIDTHS[0], FINE_WIDTH, 2, stride=2, bias=False)
        # A convolution of joined features is the sum of one of each: so the join itself, the largest array of all,
        # is never made.
        self.skip_fine = nn.Conv3d(FINE_WIDTH, FINE_WIDTH, 3, padding=1, bias=False)
        self.join_fine = nn.Conv3d(FINE_WIDTH, FINE_WIDTH, 3, padding=1, bias=False)
        self.norm_fine = Norm(FINE_WIDTH)
        self.dec_fine = Mix(FINE_WIDTH, FINE_WIDTH)
        self.head = nn.Conv3d(FINE_WIDTH, len(REGIONS), 1)
        self.auxiliary = nn.ModuleList(nn.Conv3d(c, len(REGIONS), 1) for c in WIDTHS[1:3])
        for layer in self.auxiliary:
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, image: Tensor) -> Tensor | list[Tensor]:
        fine = self.fine(image)
        x = self.stem(fine)
        skips: list[Tensor] = []
        for level, block in enumerate(self.enc):
            x = block(x if level == 0 else self.down[level - 1](x))
            skips.append(x)
        auxiliary: list[Tensor] = []
        for level in reversed(range(len(self.up))):
            x = self.dec[level](skips[level], self.up[level](x))
            if self.training and level in (1, 2):
                auxiliary.insert(0, self.auxiliary[level - 1](x))
        joined = activate(self.norm_fine(self.skip_fine(fine) + self.join_fine(self.up_fine(x))))
        logits = self.head(self.dec_fine(joined))
        return [logits, *auxiliary] if self.training else logits
