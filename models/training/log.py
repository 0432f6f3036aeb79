"""Tells MLflow of trainings that ran where there was none: parameters, data hash, curves and checkpoint.

    MLFLOW_TRACKING_URI=http://127.0.0.1:5000 python models/training/log.py <work folder> …
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from gliomanet.journal import Journal, parameters


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("works", type=Path, nargs="+", help="work folder of each training")
    args = parser.parse_args()
    if not os.environ.get("MLFLOW_TRACKING_URI"):
        raise SystemExit("set MLFLOW_TRACKING_URI")
    for work in args.works:
        about = json.loads((work / "training.json").read_text())
        journal = Journal(work, parameters(about), about["iterations"])
        if not journal.mlflow or not journal.mlflow.run_id:
            raise SystemExit(f"{work}: MLflow did not take it")
        journal.mlflow.artefact(journal.draw())
        journal.mlflow.artefact(work / "checkpoint.pt")
        journal.mlflow.finish()
        print(f"{work.name}: run {journal.mlflow.run_id}", flush=True)


if __name__ == "__main__":
    main()
