"""Which cases are held out: deterministic, by patient."""

from __future__ import annotations

import random

HELD_OUT = 8
FOLDS = 3
# The first network never saw these four: held out in fold 0, they compare it with ours fairly.
FIRST_UNET_HELD_OUT = ("BraTS2021_01481", "BraTS2021_01659", "Brats18_TCIA01_378_1", "Brats18_TCIA13_623_1")


# "first-unet" holds out those four alone, for trainings that start from its weights: it has seen all the others.
FOLD_NAMES = (*map(str, range(FOLDS)), "first-unet", "all")


def patient(case_id: str) -> str:
    """BraTS 2023 names are patient and time point (BraTS-GLI-00002-000); the others name the patient."""
    return case_id.rsplit("-", 1)[0] if case_id.startswith("BraTS-GLI-") else case_id


def held_out(case_ids: list[str], fold: str, seed: int) -> list[str]:
    """The cases held out in `fold`: "0", "1", "2": disjoint, 8 patients each; "first-unet": the four that it never saw;
    "all": none."""
    if fold == "all":
        return []
    if fold == "first-unet":
        return sorted(case for case in case_ids if patient(case) in FIRST_UNET_HELD_OUT)
    patients = sorted({patient(case) for case in case_ids})
    first = [p for p in FIRST_UNET_HELD_OUT if p in patients]
    others = [p for p in patients if p not in first]
    random.Random(seed).shuffle(others)
    start = int(fold) * HELD_OUT
    chosen = (first + others)[start : start + HELD_OUT]
    return sorted(case for case in case_ids if patient(case) in chosen)
