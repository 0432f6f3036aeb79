"""A whole brain in one pass, and how well it fits the truth."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from .cases import MODALITIES, Case, regions
from .network import REGIONS, SIDE_MULTIPLE, GliomaNet

Network = Callable[[np.ndarray], np.ndarray]
"""float32 [1, 4, x, y, z] → logits float32 [1, 3, x, y, z], sides divisible by SIDE_MULTIPLE."""


def torch_network(network: GliomaNet) -> Network:
    device = next(network.parameters()).device

    @torch.inference_mode()
    def run(image: np.ndarray) -> np.ndarray:
        tensor = torch.from_numpy(image).to(device, memory_format=torch.channels_last_3d)
        return network(tensor).float().cpu().numpy()

    return run


def onnx_network(path: str, threads: int) -> Network:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda image: session.run(None, {name: image})[0]


def predict(network: Network, image: np.ndarray, flips: Sequence[Sequence[int]]) -> np.ndarray:
    """z-scores [4, x, y, z] → probabilities float32 [3, x, y, z]: the mean over the image and its mirror images, each
    along the spatial axes that `flips` gives."""
    shape = image.shape[1:]
    padding = [(0, -n % SIDE_MULTIPLE) for n in shape]
    padded = np.pad(np.asarray(image, np.float32), [(0, 0), *padding])[None]
    mirrorings = [tuple(axis + 2 for axis in axes) for axes in ((), *flips)]
    total = np.zeros((len(REGIONS), *padded.shape[2:]), np.float32)
    for axes in mirrorings:
        logits = network(np.ascontiguousarray(np.flip(padded, axes)))
        total += np.flip(1 / (1 + np.exp(-logits)), axes)[0]
    return total[(slice(None), *(slice(0, n) for n in shape))] / len(mirrorings)


def dice(truth: np.ndarray, found: np.ndarray) -> float | None:
    """None where the truth is empty: such a region has a false volume, not a Dice."""
    if not truth.any():
        return None
    return float(2 * (truth & found).sum() / (truth.sum() + found.sum()))


def score(
    network: Network, case: Case, without: tuple[str, ...] = (), flips: Sequence[Sequence[int]] = ()
) -> dict[str, dict]:
    """Dice and volumes (mL) per region, at a probability of 0.5, with the modalities `without` left out."""
    image = np.array(case.image, np.float32)
    for index, modality in enumerate(MODALITIES):
        if modality in without:
            image[index] = 0
    found = predict(network, image, flips) > 0.5
    truth = regions(np.asarray(case.labels))
    return {
        "dice": {name: dice(truth[i], found[i]) for i, name in enumerate(REGIONS)},
        "truthMl": {name: float(truth[i].sum() / 1000) for i, name in enumerate(REGIONS)},
        "foundMl": {name: float(found[i].sum() / 1000) for i, name in enumerate(REGIONS)},
    }


def mean_dice(scores: list[dict[str, dict]]) -> dict[str, float]:
    """Over the cases that have the region."""
    values = {name: [s["dice"][name] for s in scores if s["dice"][name] is not None] for name in REGIONS}
    return {name: float(np.mean(v)) if v else float("nan") for name, v in values.items()}
