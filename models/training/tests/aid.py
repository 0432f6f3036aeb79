"""Synthetic cases."""

import numpy as np

from gliomanet.cases import Brain, Case, brain


def a_case(name: str = "a", side: int = 48) -> Case:
    """A ball of brain whose T2 is bright exactly in the tumour, a smaller ball in three layers."""
    axis = np.arange(side) - side / 2
    radius = np.sqrt(axis[:, None, None] ** 2 + axis[None, :, None] ** 2 + axis[None, None, :] ** 2)
    labels = np.select([radius < 4, radius < 7, radius < 12], [1, 3, 2], 0).astype(np.uint8)
    image = np.repeat(np.where(radius < 22, -0.5, 0)[None], 4, axis=0).astype(np.float16)
    image[2][labels > 0] = 5
    return Case(name, image, labels, steps=(0.07,) * 4, sha256={})


def a_brain(name: str = "a") -> Brain:
    return brain(a_case(name))
