"""Writes model.onnx, manifest.json and README.md (the model card) of a trained network.

    python models/training/export.py <work folder> --scores <scores.json> --check <case folder> \\
        --version 1.0.0 --out models/glioma-unet
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
from pathlib import Path

import numpy as np

from gliomanet.card import manifest, model_card
from gliomanet.cases import load_case
from gliomanet.network import SIDE_MULTIPLE
from gliomanet.onnx_file import write_onnx
from gliomanet.predict import onnx_network, torch_network
from gliomanet.state import load_ema

# Of the logits, on a whole brain: float16 weights move them by about a hundredth.
LARGEST_DIFFERENCE = 0.1


def main() -> None:
    args = arguments()
    training = json.loads((args.work / "training.json").read_text())
    reports = [json.loads(path.read_text()) for path in args.scores]
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / "model.onnx"
    network = load_ema(args.work / "checkpoint.pt")
    write_onnx(network, path)
    difference = largest_difference(network, path, args.check)
    print(f"PyTorch and ONNX Runtime differ by at most {difference:.4f} (logits)")
    if difference > LARGEST_DIFFERENCE:
        path.unlink()
        raise SystemExit(f"more than {LARGEST_DIFFERENCE}: nothing exported")
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    facts = manifest(args.out.name, args.version, sha256, training, reports)
    (args.out / "manifest.json").write_text(json.dumps(facts, indent=2) + "\n")
    (args.out / "README.md").write_text(model_card(args.out.name, training, reports, difference))
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")


def largest_difference(network, path: Path, folder: Path) -> float:
    with tempfile.TemporaryDirectory() as cache:
        image = np.array(load_case(folder, Path(cache)).image, np.float32)
    image = np.pad(image, [(0, 0), *((0, -n % SIDE_MULTIPLE) for n in image.shape[1:])])[None]
    return float(np.abs(torch_network(network)(image) - onnx_network(str(path), threads=2)(image)).max())


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path, help="work folder of the training")
    parser.add_argument("--scores", type=Path, action="append", required=True, help="from evaluate.py; one per fold")
    parser.add_argument("--check", type=Path, required=True, help="a case to compare PyTorch and ONNX Runtime on")
    parser.add_argument("--version", required=True)
    parser.add_argument("--out", type=Path, required=True, help="the model's folder; its name is the model's id")
    return parser.parse_args()


if __name__ == "__main__":
    main()
