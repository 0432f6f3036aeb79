"""Writes the ONNX files, manifest.json and README.md (the model card) of trained networks, whose answers are averaged.

    python models/training/export.py <work folder> … --scores <scores.json> … --check <case folder> \\
        --version 2.0.0 --out models/glioma-unet
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import tempfile
from pathlib import Path

import numpy as np

from gliomanet.card import manifest, model_card, worst
from gliomanet.cases import load_case
from gliomanet.network import SIDE_MULTIPLE
from gliomanet.onnx_file import write_onnx
from gliomanet.predict import onnx_network, torch_network
from gliomanet.state import load_ema

# Of the probabilities, on a whole brain: float16 weights move the least certain by up to a twentieth, and 0.2 % of the labels.
LARGEST_DIFFERENCE = 0.1


def main() -> None:
    args = arguments()
    trainings = [json.loads((work / "training.json").read_text()) for work in args.works]
    reports = [json.loads(path.read_text()) for path in args.scores]
    args.out.mkdir(parents=True, exist_ok=True)
    files, differences = {}, []
    for number, work in enumerate(args.works, start=1):
        path = args.out / (f"run-{number}.onnx" if len(args.works) > 1 else "model.onnx")
        network = load_ema(work / "checkpoint.pt")
        write_onnx(network, path)
        differences.append(largest_difference(network, path, args.check))
        print(f"{path}: {path.stat().st_size / 1e6:.1f} MB; probabilities within {differences[-1]:.4f} of PyTorch's", flush=True)
        if differences[-1] > LARGEST_DIFFERENCE:
            path.unlink()
            raise SystemExit(f"more than {LARGEST_DIFFERENCE}: not exported")
        files[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    facts = manifest(args.out.name, args.version, files, trainings, reports) | {"requires": args.requires}
    (args.out / "manifest.json").write_text(json.dumps(facts, indent=2) + "\n")
    notes = args.notes.read_text() if args.notes else ""
    (args.out / "README.md").write_text(model_card(args.out.name, trainings, reports, evaluated_cases(args), max(differences), notes))


def evaluated_cases(args: argparse.Namespace) -> list[dict]:
    """All cases of the evaluations; the pictures of the worst are copied to the model's folder."""
    cases, pictures = [], {}
    for report in args.evaluation:
        scored = [case for case in json.loads(report.read_text())["cases"] if "dice" in case]
        cases += scored
        pictures |= {case["id"]: report.with_suffix(".pictures") for case in scored}
    for case in worst(cases):
        (args.out / "failures").mkdir(exist_ok=True)
        for kind in ("found", "truth"):
            shutil.copy(pictures[case["id"]] / f"{case['id']}.{kind}.png", args.out / "failures")
    return cases


def largest_difference(network, path: Path, folder: Path) -> float:
    with tempfile.TemporaryDirectory() as cache:
        image = np.array(load_case(folder, Path(cache)).image, np.float32)
    image = np.pad(image, [(0, 0), *((0, -n % SIDE_MULTIPLE) for n in image.shape[1:])])[None]
    return float(np.abs(probabilities(torch_network(network)(image)) - probabilities(onnx_network(str(path), threads=2)(image))).max())


def probabilities(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logits))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("works", type=Path, nargs="+", help="work folder of each training")
    parser.add_argument("--scores", type=Path, action="append", required=True, help="from evaluate.py; one per fold")
    parser.add_argument("--check", type=Path, required=True, help="a case to compare PyTorch and ONNX Runtime on")
    parser.add_argument("--version", required=True)
    parser.add_argument("--requires", nargs="*", default=[], help="sequences without which it must not run on a patient: t1 t1ce t2 flair")
    parser.add_argument("--evaluation", type=Path, action="append", default=[], help="report of npm run evaluate, one per fold: distances and pictures of failures")
    parser.add_argument("--notes", type=Path, help="Markdown for the card: what was measured elsewhere, known failures")
    parser.add_argument("--out", type=Path, required=True, help="the model's folder; its name is the model's id")
    return parser.parse_args()


if __name__ == "__main__":
    main()
