"""The record of a training: metrics.jsonl, its curves as a picture, and MLflow where MLFLOW_TRACKING_URI is set."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from .mlflow_rest import MlflowRun
from .network import REGIONS


def parameters(about: dict[str, Any]) -> dict[str, str]:
    """What MLflow is told of a training, from its training.json."""
    data = json.dumps(about["sha256"], sort_keys=True)
    return {
        "fold": about["fold"],
        "seed": str(about["seed"]),
        "iterations": str(about["iterations"]),
        "batch": str(about["batch"]),
        **({"peak_learning_rate": str(about["learningRate"])} if "learningRate" in about else {}),
        "started_from": about["startedFrom"] or "random weights",
        "healthy_brains": str(about["healthyBrains"]),
        "training_cases": str(len(about["trainingCases"])),
        "held_out": ", ".join(about["heldOut"]),
        "data_sha256": hashlib.sha256(data.encode()).hexdigest(),
    }


class Journal:
    def __init__(self, folder: Path, parameters: dict[str, str], iteration: int) -> None:
        """Continues the record in `folder` from `iteration`: what an interrupted training wrote after its last
        checkpoint is dropped, it will be written again."""
        self.path = folder / "metrics.jsonl"
        lines = [json.loads(line) for line in self.path.read_text().splitlines()] if self.path.exists() else []
        self.lines = [line for line in lines if line["iteration"] <= iteration]
        self.path.write_text("".join(json.dumps(line) + "\n" for line in self.lines))
        uri = os.environ.get("MLFLOW_TRACKING_URI")
        self.mlflow = MlflowRun(uri, folder, parameters) if uri else None
        if self.mlflow and self.mlflow.is_new:
            # A training that began without MLflow brings what it has.
            for line in self.lines:
                self.mlflow.metrics(line["iteration"], {k: v for k, v in line.items() if k != "iteration"})

    def write(self, iteration: int, **metrics: float) -> None:
        line = {"iteration": iteration, **metrics}
        self.lines.append(line)
        with open(self.path, "a") as file:
            file.write(json.dumps(line) + "\n")
        if self.mlflow:
            self.mlflow.metrics(iteration, metrics)

    def draw(self) -> Path:
        """curves.png: training loss (mean of 10 entries) and Dice of the held-out cases by iteration."""
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot

        picture = self.path.with_name("curves.png")
        figure, (left, right) = pyplot.subplots(1, 2, figsize=(12, 4.5))
        losses = np.array([(line["iteration"], line["loss"]) for line in self.lines if "loss" in line])
        if len(losses) >= 10:
            left.plot(losses[9:, 0], np.convolve(losses[:, 1], np.ones(10) / 10, "valid"))
        left.set(title="training loss", xlabel="iteration", ylabel="cross-entropy + soft Dice")
        held_out = [line for line in self.lines if "dice_WT" in line]
        for name in REGIONS:
            right.plot([v["iteration"] for v in held_out], [v[f"dice_{name}"] for v in held_out], "o-", label=name)
        right.set(title="held-out cases", xlabel="iteration", ylabel="mean Dice", ylim=(0, 1))
        right.legend(loc="lower right")
        right.grid(alpha=0.3)
        figure.tight_layout()
        figure.savefig(picture, dpi=90)
        pyplot.close(figure)
        return picture
