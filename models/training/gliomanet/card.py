"""What is written beside the weights: the manifest and the model card."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

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
    model_id: str, version: str, files: dict[str, str], trainings: list[dict[str, Any]], reports: list[dict[str, Any]]
) -> dict[str, Any]:
    """manifest.json as the server's domain/manifest.ts wants it; `files`: sha256 by name."""
    complete = pooled(reports)[0]
    networks = [{"file": name, "sha256": sha256} for name, sha256 in files.items()]
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
        "output": {"kind": "regions", "order": [name.lower() for name in REGIONS], "activation": "logits"},
        **({"files": networks} if len(networks) > 1 else networks[0]),
        "licence": LICENCE,
        "training": {
            "cases": cases_of(trainings),
            "note": "; ".join(training_name(training) for training in trainings),
        },
        "evaluation": [
            {
                "data": f"cross-validation, each case by a single network that has not seen it ({len(reports)} hold-outs): "
                + ", ".join(complete["scores"]),
                "cases": len(complete["scores"]),
                "dice": {name.lower(): round(value, 3) for name, value in complete["mean"].items()},
            }
        ],
    }


def cases_of(trainings: list[dict[str, Any]]) -> list[str]:
    return sorted({case for training in trainings for case in training["trainingCases"]})


def training_name(training: dict[str, Any]) -> str:
    data = "all cases" if training["fold"] == "all" else f"all but the {len(training['heldOut'])} of fold {training['fold']}"
    return f"{data}, seed {training['seed']}, {training['iterations']} iterations of {training['batch']} patches"


def worst(evaluated: list[dict[str, Any]], count: int = 3) -> list[dict[str, Any]]:
    """The cases of `npm run evaluate` whose whole tumour was met least."""
    return sorted((case for case in evaluated if case["dice"]["wt"] is not None), key=lambda case: case["dice"]["wt"])[:count]


def model_card(
    model_id: str,
    trainings: list[dict[str, Any]],
    reports: list[dict[str, Any]],
    evaluated: list[dict[str, Any]],
    difference: float,
    notes: str,
) -> str:
    """`evaluated`: the cases of the reports of `npm run evaluate`, for the distances and the pictures of failures."""
    subsets = pooled(reports)
    complete = subsets[0]["scores"]
    cases = cases_of(trainings)
    trained_on = "\n".join(f"- {training_name(training)}" for training in trainings)
    return f"""# {model_id}

Finds gliomas in T1, T1ce, T2 and FLAIR: three nested regions, whole tumour (WT), tumour core (TC), enhancing tumour
(ET). The mean of {len(trainings)} residual 3-D U-Nets, made by [`../training`](../training/README.md).

**Not for** diagnosis or treatment without a physician's review; children; metastases, meningiomas and other lesions that are no
glioma; brains after resection; heads with the skull on; spinal images. None of these was in the training. Not a medical device.

**Input** `{INPUT}` float32 [1, 4, x, y, z]: T1, T1ce, T2, FLAIR; axes toward L, P, S; 1 mm; skull-stripped; sides
multiples of {SIDE_MULTIPLE}; per modality z-score over the non-zero voxels, clipped to {CLIP[0]:.0f}…{CLIP[1]:.0f},
background 0; a missing modality is all 0. **Output** `{OUTPUT}`: logits of WT, TC, ET. Weights are stored as float16 and
computed in float32; probabilities differ from PyTorch's by at most {difference:.3f} on a whole brain.

## Figures

**Each case by a single network that has not seen it** ({len(reports)} hold-outs, {len(complete)} cases); the mean of several networks that
ships cannot be measured on these cases, for each was in the training of some of them. Dice at a probability of 0.5, mean over the cases,
ET over those that have enhancing tumour.

| input | WT | TC | ET |
| --- | --- | --- | --- |
{rows((subset_name(s["without"]), s["mean"], {}) for s in subsets)}

Each case, all sequences; where the truth has no such region, the volume found in brackets (mL):

| case | WT | TC | ET |
| --- | --- | --- | --- |
{rows((case, score["dice"], score["foundMl"]) for case, score in complete.items())}

Volume found less the true one, mean and limits of agreement (Bland–Altman, ±1.96 standard deviations):

| region | mean, mL | limits, mL |
| --- | --- | --- |
{volume_rows(complete)}

{distances_and_failures(evaluated)}{notes.strip()}

## Training

{trained_on}

{len(cases)} adult gliomas of the BraTS challenges 2018, 2021 and 2023, skull-stripped and
co-registered by the challenge, with expert labels: {", ".join(cases)}. Their terms: research use,
cite Menze 2015 (10.1109/TMI.2014.2377694), Bakas 2017 (10.1038/sdata.2017.117) and Baid 2021 (arXiv:2107.02314).
"""


def volume_rows(scores: dict[str, dict]) -> str:
    lines = []
    for region in REGIONS:
        errors = [score["foundMl"][region] - score["truthMl"][region] for score in scores.values()]
        mean, half = float(np.mean(errors)), 1.96 * float(np.std(errors, ddof=1))
        lines.append(f"| {region} | {mean:+.1f} | {mean - half:+.1f} … {mean + half:+.1f} |")
    return "\n".join(lines)


def distances_and_failures(evaluated: list[dict[str, Any]]) -> str:
    """Nothing where no report was given."""
    if not evaluated:
        return ""
    lines = []
    for region in REGIONS:
        distances = [case["hd95Mm"][region.lower()] for case in evaluated if case["hd95Mm"][region.lower()] is not None]
        lines.append(f"| {region} | {np.mean(distances):.1f} | {np.median(distances):.1f} | {len(distances)} |")
    pictures = "\n".join(
        f"| `{case['id']}`: {case['dice']['wt']:.2f} | ![found](failures/{case['id']}.found.png) | ![truth](failures/{case['id']}.truth.png) |"
        for case in worst(evaluated)
    )
    return f"""Distance of the surfaces (HD95), where both the truth and the answer have the region:

| region | mean, mm | median, mm | cases |
| --- | --- | --- | --- |
{chr(10).join(lines)}

The three whole tumours that were met least (Dice):

| case | found | truth |
| --- | --- | --- |
{pictures}

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
