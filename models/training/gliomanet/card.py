"""What is written beside the weights: the manifest and the model card."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .cases import CLIP
from .network import REGIONS, SIDE_MULTIPLE
from .onnx_file import INPUT, OUTPUT
from .predict import mean_dice

LICENCE = "Apache-2.0 (weights); trained on BraTS data, whose terms ask for citation"


def pooled(reports: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The reports of several folds, each over its own held-out cases, as one: [{without, mean, scores}]."""
    together = []
    for subsets in zip(*(report["subsets"] for report in reports)):
        scores = {case: score for subset in subsets for case, score in subset["scores"].items()}
        together.append(
            {"without": subsets[0]["without"], "mean": mean_dice(list(scores.values())), "scores": scores}
        )
    return together


def manifest(
    model_id: str, version: str, sha256: str, training: dict[str, Any], reports: list[dict[str, Any]]
) -> dict[str, Any]:
    """manifest.json as the server's domain/manifest.ts wants it."""
    complete = pooled(reports)[0]
    return {
        "id": model_id,
        "version": version,
        "title": "Glioma U-Net",
        "channels": ["t1", "t1ce", "t2", "flair"],
        "requires": [],
        "axes": ["L", "P", "S"],
        "spacingMm": [1, 1, 1],
        "skullStripped": True,
        "inputName": INPUT,
        "outputName": OUTPUT,
        "normalisation": {"kind": "z-score", "clip": list(CLIP)},
        "tiling": {"kind": "whole", "multipleOf": SIDE_MULTIPLE, "maxSize": [192, 224, 192]},
        "flips": reports[0]["flips"],
        "output": {"kind": "regions", "order": [name.lower() for name in REGIONS], "activation": "logits"},
        "sha256": sha256,
        "licence": LICENCE,
        "training": {
            "cases": training["trainingCases"],
            "note": f"seed {training['seed']}, {training['iterations']} iterations, fold {training['fold']}",
        },
        "evaluation": [
            {
                "data": "held-out cases: " + ", ".join(complete["scores"]),
                "cases": len(complete["scores"]),
                "dice": {name.lower(): round(value, 3) for name, value in complete["mean"].items()},
            }
        ],
    }


def model_card(model_id: str, training: dict[str, Any], reports: list[dict[str, Any]], difference: float) -> str:
    subsets = pooled(reports)
    complete = subsets[0]["scores"]
    weights = (
        "The weights come from all the training cases; the figures come from trainings with the same recipe that did "
        "not see the cases they are measured on."
        if training["fold"] == "all"
        else "The weights measured are the weights in this folder; they have not seen the cases below."
    )
    return f"""# {model_id}

Finds gliomas in T1, T1ce, T2 and FLAIR: three nested regions, whole tumour (WT), tumour core (TC), enhancing tumour
(ET). A residual 3-D U-Net, made by [`../training`](../training/README.md).

**Input** `{INPUT}` float32 [1, 4, x, y, z]: T1, T1ce, T2, FLAIR; axes toward L, P, S; 1 mm; skull-stripped; sides
multiples of {SIDE_MULTIPLE}; per modality z-score over the non-zero voxels, clipped to {CLIP[0]:.0f}…{CLIP[1]:.0f},
background 0; a missing modality is all 0. **Output** `{OUTPUT}`: logits of WT, TC, ET.

## Figures

{weights} Dice at a probability of 0.5{f", mean of the input and {len(reports[0]['flips'])} mirrored ones" if reports[0]["flips"] else ""}; mean over the
{len(complete)} held-out cases, ET over those that have enhancing tumour.

| input | WT | TC | ET |
| --- | --- | --- | --- |
{rows((subset_name(s["without"]), s["mean"], {}) for s in subsets)}

Each case, all modalities; where the truth has no such region, the volume found in brackets (mL):

| case | WT | TC | ET |
| --- | --- | --- | --- |
{rows((case, score["dice"], score["foundMl"]) for case, score in complete.items())}

The file stores weights as float16; its logits differ from PyTorch's by at most {difference:.3f}.

## Training data

{len(training["trainingCases"])} adult gliomas of the BraTS challenges 2018, 2021 and 2023, skull-stripped and
co-registered by the challenge, with expert labels: {", ".join(training["trainingCases"])}. Their terms: research use,
cite Menze 2015 (10.1109/TMI.2014.2377694), Bakas 2017 (10.1038/sdata.2017.117) and Baid 2021 (arXiv:2107.02314).

## Not for

Diagnosis or treatment without a physician's review; children; metastases, meningiomas and other lesions that are no
glioma; brains after resection (no such case was seen); heads with the skull on; spinal images.
"""


def subset_name(without: list[str]) -> str:
    return f"without {', '.join(without)}" if without else "all four"


def rows(entries: Iterable[tuple[str, dict[str, float | None], dict[str, float]]]) -> str:
    """Entries: name, Dice per region (None: the truth is empty), volume found per region in mL."""

    def cell(value: float | None, found_ml: float) -> str:
        return f"({found_ml:.1f})" if value is None else f"{value:.3f}"

    return "\n".join(
        f"| {name} | {' | '.join(cell(dice[region], found.get(region, 0)) for region in REGIONS)} |"
        for name, dice, found in entries
    )
