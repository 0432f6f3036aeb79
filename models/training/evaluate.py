"""Dice of a checkpoint or an ONNX model on held-out cases, with all modalities and with every proper subset of them.

    python models/training/evaluate.py <checkpoint.pt or model.onnx> --data <folder of cases> --cache <folder> \\
        --fold 0 --out <scores.json>
"""

from __future__ import annotations

import argparse
import json
from itertools import combinations
from pathlib import Path

import torch

from gliomanet.cases import MODALITIES, find_cases, load_case
from gliomanet.network import REGIONS
from gliomanet.predict import mean_dice, onnx_network, score, torch_network
from gliomanet.split import FOLD_NAMES, held_out
from gliomanet.state import load_ema

SUBSETS = [without for left_out in range(len(MODALITIES)) for without in combinations(MODALITIES, left_out)]


def main() -> None:
    args = arguments()
    torch.set_num_threads(args.threads)
    folders = find_cases(args.data)
    chosen = args.case or held_out([folder.name for folder in folders], args.fold, args.seed)
    cases = [load_case(folder, args.cache) for folder in folders if folder.name in chosen]
    if args.model.suffix == ".onnx":
        network = onnx_network(str(args.model), args.threads)
    else:
        network = torch_network(load_ema(args.model).to("cuda" if torch.cuda.is_available() else "cpu"))

    report = {"model": args.model.name, "flips": args.flips, "cases": [case.id for case in cases], "subsets": []}
    for without in SUBSETS:
        scores = [score(network, case, without, args.flips) for case in cases]
        mean = mean_dice(scores)
        report["subsets"].append(
            {"without": without, "mean": mean, "scores": dict(zip((case.id for case in cases), scores))}
        )
        name = f"without {' '.join(without)}" if without else "all modalities"
        print(f"{name:24}" + "".join(f"  {region} {mean[region]:.3f}" for region in REGIONS), flush=True)
        # After each subset: an interrupted evaluation keeps what it has.
        args.out.write_text(json.dumps(report, indent=1))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", type=Path, action="append", required=True, help="as in training")
    parser.add_argument("--cache", type=Path, required=True, help="normalised cases")
    parser.add_argument("--fold", default="0", choices=FOLD_NAMES)
    parser.add_argument("--seed", type=int, default=0, help="as in training")
    parser.add_argument("--case", action="append", help="only this case; may be repeated")
    parser.add_argument(
        "--flip", dest="flips", action="append", default=[], type=lambda digits: [int(digit) for digit in digits],
        help="also the image mirrored along these axes, 0 … 2; may be repeated: --flip 0 --flip 1 --flip 01",
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


if __name__ == "__main__":
    main()
