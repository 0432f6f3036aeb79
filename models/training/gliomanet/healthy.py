"""Healthy brains: the data have none, so they are computed from the tissue maps of an average brain."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from .cases import CLIP, bounding_box, read_lps

if TYPE_CHECKING:
    from .augment import Draw

# Grey levels of grey matter, white matter and fluid in T1, T1ce, T2 and FLAIR: the ranges that a brain's is drawn from.
LEVELS = (
    ((0.60, 0.85), (0.95, 1.05), (0.10, 0.35)),
    ((0.60, 0.85), (0.95, 1.05), (0.10, 0.35)),
    ((0.50, 0.70), (0.35, 0.50), (0.90, 1.20)),
    ((0.65, 0.85), (0.45, 0.70), (0.05, 0.25)),
)


class HealthyAtlas:
    """The ICBM 152 average brain (Fonov 2009): T1 and the shares of grey and white matter, 1 mm, in a folder as
    `icbm152-{t1,gm,wm}.nii.gz`."""

    def __init__(self, folder: Path, device: torch.device | str = "cpu") -> None:
        t1, grey, white = (read_lps(folder / f"icbm152-{name}.nii.gz").astype(np.float32) for name in ("t1", "gm", "wm"))
        box = bounding_box(t1 > 0)
        inside = t1[box] > 0
        grey, white = grey[box] / 255 * inside, white[box] / 255 * inside
        fluid = np.clip(1 - grey - white, 0, 1) * inside
        self.t1 = torch.from_numpy(t1[box]).to(device)
        self.tissue = torch.from_numpy(np.stack([grey, white, fluid])).to(device)
        self.inside = torch.from_numpy(inside).to(device)

    def brain(self, draw: Draw) -> Tensor:
        """Z-scores [4, x, y, z] of a healthy brain; its T1 is half of the time the real average, background 0."""
        return torch.stack([self.modality(channel, draw) for channel in range(len(LEVELS))])

    def modality(self, channel: int, draw: Draw) -> Tensor:
        if channel == 0 and draw.chance(0.5):
            grey_levels = self.t1
        else:
            shares = [draw.uniform(low, high) for low, high in LEVELS[channel]]
            # Tissue is not of one grey: each varies smoothly by a few hundredths.
            grey_levels = sum(
                share * (1 + 0.04 * draw.smooth(tuple(part.shape), 6)) * part for share, part in zip(shares, self.tissue)
            )
        values = grey_levels[self.inside]
        scored = (grey_levels - values.mean()) / values.std()
        return torch.where(self.inside, scored.clamp(*CLIP), 0.0)
