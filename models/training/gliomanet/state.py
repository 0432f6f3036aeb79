"""Everything a training is between two iterations, and its file."""

from __future__ import annotations

import copy
import os
from dataclasses import dataclass
from pathlib import Path

import torch

from .network import GliomaNet
from .onnx_file import read_onnx

EMA_DECAY = 0.995
WEIGHT_DECAY = 0.05


@dataclass
class State:
    """`ema`: exponential moving average of the weights, the ones that are evaluated and exported."""

    network: GliomaNet
    ema: GliomaNet
    optimizer: torch.optim.AdamW
    iteration: int


def new_state(seed: int, device: torch.device) -> State:
    torch.manual_seed(seed)
    network = GliomaNet().to(device, memory_format=torch.channels_last_3d)
    ema = copy.deepcopy(network).eval().requires_grad_(False)
    return State(network, ema, torch.optim.AdamW(network.parameters(), weight_decay=WEIGHT_DECAY, fused=True), iteration=0)


def start_from(state: State, path: Path) -> list[str]:
    """Replaces the random beginning by the weights of an ONNX file. @returns the parameters that it does not have."""
    new = read_onnx(state.network, path)
    state.ema.load_state_dict(state.network.state_dict())
    return new


@torch.no_grad()
def update_ema(state: State) -> None:
    # Shorter memory at the start, or the first random weights would stay in the average for long.
    decay = min(EMA_DECAY, (1 + state.iteration) / (10 + state.iteration))
    torch._foreach_lerp_(list(state.ema.parameters()), list(state.network.parameters()), 1 - decay)


def save(state: State, path: Path) -> None:
    """Written beside and renamed over the old file: a kill at any moment leaves one whole checkpoint."""
    unfinished = path.with_suffix(".unfinished")
    with open(unfinished, "wb") as file:
        torch.save(
            {
                "network": state.network.state_dict(),
                "ema": state.ema.state_dict(),
                "optimizer": state.optimizer.state_dict(),
                "iteration": state.iteration,
            },
            file,
        )
        file.flush()
        os.fsync(file.fileno())
    os.replace(unfinished, path)


def load(state: State, path: Path) -> None:
    saved = torch.load(path, map_location="cpu", weights_only=True)
    state.network.load_state_dict(saved["network"])
    state.ema.load_state_dict(saved["ema"])
    state.optimizer.load_state_dict(saved["optimizer"])
    state.iteration = saved["iteration"]


def load_ema(path: Path) -> GliomaNet:
    """Only the averaged weights, to evaluate or export."""
    network = GliomaNet().eval().requires_grad_(False)
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True)["ema"])
    return network.to(memory_format=torch.channels_last_3d)
