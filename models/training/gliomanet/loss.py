"""What training minimises."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

# Of the full resolution and of the auxiliary heads at 1/4 and 1/8 of it.
LEVEL_WEIGHTS = (1.0, 0.4, 0.2)


def bce_dice(logits: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy plus soft Dice (Milletari 2016), each a mean over batch and regions.

    logits, target: [batch, 3, x, y, z]; target 0…1. An empty region gives a Dice loss that falls with the
    predicted volume, so false positives on a patch without tumour cost.
    """
    space = (2, 3, 4)
    probability = torch.sigmoid(logits)
    overlap = (probability * target).sum(space)
    total = probability.sum(space) + target.sum(space)
    dice = (2 * overlap + 1) / (total + 1)
    return F.binary_cross_entropy_with_logits(logits, target) + (1 - dice).mean()


def deep_supervision(outputs: list[Tensor], target: Tensor) -> Tensor:
    """Weighted mean of the loss at every head; a coarse voxel's target is the region's share of it."""
    total = torch.zeros((), device=target.device)
    for weight, logits in zip(LEVEL_WEIGHTS, outputs):
        factor = target.shape[2] // logits.shape[2]
        coarse = F.avg_pool3d(target, factor) if factor > 1 else target
        total = total + weight * bce_dice(logits.float(), coarse)
    return total / sum(LEVEL_WEIGHTS)
