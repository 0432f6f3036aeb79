"""Labelled cases on disk, and the cache of them that training reads."""

from __future__ import annotations

import hashlib
import json
import warnings
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import torch

MODALITIES = {"T1": "t1n", "T1ce": "t1c", "T2": "t2w", "FLAIR": "t2f"}
CLIP = (-4.0, 6.0)


@dataclass(frozen=True)
class Case:
    """`image`: float16 z-scores [4, x, y, z] (T1, T1ce, T2, FLAIR; axes toward L, P, S; 1 mm; background 0).
    `labels`: uint8 [x, y, z], 0 background, 1 necrotic core, 2 oedema, 3 enhancing. Both cropped to the brain.
    `steps`: what one grey level of the stored file is as a z-score, per modality.
    `sha256`: of each file the case came from."""

    id: str
    image: np.ndarray
    labels: np.ndarray
    steps: tuple[float, ...]
    sha256: dict[str, str]


@dataclass(frozen=True)
class Brain:
    """A case as the augmentation takes it: `image` float16 [4, x, y, z] and `labels` uint8 [x, y, z], both on one
    device; `steps` as in Case."""

    image: torch.Tensor
    labels: torch.Tensor
    steps: tuple[float, ...]


def brain(case: Case, device: torch.device | str = "cpu") -> Brain:
    """The case's arrays as tensors: on the CPU still memory-mapped, on a GPU copied there."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # read-only memory: nobody writes into it
        image, labels = torch.from_numpy(case.image), torch.from_numpy(case.labels)
    return Brain(image.to(device), labels.to(device), case.steps)


def find_cases(folders: list[Path]) -> list[Path]:
    """Each folder is a case (has seg.nii.gz) or holds cases. Sorted by name."""
    found = []
    for folder in folders:
        inside = [folder] if (folder / "seg.nii.gz").exists() else [p.parent for p in folder.glob("*/seg.nii.gz")]
        if not inside:
            raise SystemExit(f"no case (a folder with seg.nii.gz) in {folder}")
        found += inside
    return sorted(found, key=lambda path: path.name)


def load_case(folder: Path, cache: Path) -> Case:
    """The case from the cache, after writing it there on first use. Arrays are memory-mapped, read-only."""
    cached = cache / folder.name
    if not (cached / "case.json").exists():
        write_cache(folder, cached)
    about = json.loads((cached / "case.json").read_text())
    return Case(
        id=folder.name,
        image=np.load(cached / "image.npy", mmap_mode="r"),
        labels=np.load(cached / "labels.npy", mmap_mode="r"),
        steps=tuple(about["steps"]),
        sha256=about["sha256"],
    )


def write_cache(folder: Path, cached: Path) -> None:
    files = {name: folder / f"{stem}.nii.gz" for name, stem in MODALITIES.items()} | {"seg": folder / "seg.nii.gz"}
    raw = [read_lps(files[name]) for name in MODALITIES]
    labels = read_lps(files["seg"]).astype(np.uint8)
    box = bounding_box(np.any(np.stack(raw) != 0, axis=0))
    zscored = [zscore(volume[box]) for volume in raw]
    cached.mkdir(parents=True, exist_ok=True)
    np.save(cached / "image.npy", np.stack([z for z, _ in zscored]).astype(np.float16))
    np.save(cached / "labels.npy", np.ascontiguousarray(labels[box]))
    about = {
        "steps": [1 / sd for _, sd in zscored],
        "sha256": {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files.values()},
    }
    # Last: its presence says that the arrays are whole.
    (cached / "case.json").write_text(json.dumps(about, indent=1))


def read_lps(path: Path) -> np.ndarray:
    """Voxels [x, y, z] with array axes toward L, P, S, whatever the file's order."""
    file = nib.load(path)
    to_lps = nib.orientations.ornt_transform(
        nib.orientations.io_orientation(file.affine), nib.orientations.axcodes2ornt(("L", "P", "S"))
    )
    return nib.orientations.apply_orientation(np.asanyarray(file.dataobj), to_lps)


def bounding_box(mask: np.ndarray) -> tuple[slice, ...]:
    spans = [np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis))) for axis in range(3)]
    return tuple(slice(int(span[0]), int(span[-1]) + 1) for span in spans)


def zscore(volume: np.ndarray) -> tuple[np.ndarray, float]:
    """Z-score over the non-zero voxels, clipped; zero stays 0. Also gives the standard deviation, in grey levels."""
    brain = volume != 0
    if not brain.any():
        return np.zeros(volume.shape, np.float32), 1.0
    inside = volume[brain].astype(np.float64)
    mean, sd = inside.mean(), inside.std()
    return np.where(brain, np.clip((volume - mean) / sd, *CLIP), 0).astype(np.float32), float(sd)


def regions(labels: np.ndarray) -> np.ndarray:
    """Labels [x, y, z] → nested regions WT ⊃ TC ⊃ ET, bool [3, x, y, z]."""
    return np.stack([labels > 0, (labels == 1) | (labels == 3), labels == 3])
