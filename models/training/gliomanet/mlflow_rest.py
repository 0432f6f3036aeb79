"""One MLflow run over its REST API (2.0); no client library needed."""

from __future__ import annotations

import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

EXPERIMENT = "cerebloom_training"


class MlflowRun:
    """The run of a work folder; its id is kept there, so that a resumed training continues the same run.

    MLflow being away costs its record, never the training: metrics.jsonl has everything.
    """

    def __init__(self, uri: str, folder: Path, parameters: dict[str, str]) -> None:
        self.base = uri.rstrip("/")
        self.id_file = folder / "mlflow-run-id"
        self.is_new = not self.id_file.exists()
        self.run_id = self.start(folder.name, parameters) if self.is_new else self.id_file.read_text()

    def start(self, name: str, parameters: dict[str, str]) -> str | None:
        found = self.call("GET", f"experiments/get-by-name?experiment_name={EXPERIMENT}")
        experiment = found["experiment"]["experiment_id"] if found else None
        if experiment is None:
            created = self.call("POST", "experiments/create", {"name": EXPERIMENT})
            experiment = created and created["experiment_id"]
        run = experiment and self.call(
            "POST", "runs/create", {"experiment_id": experiment, "run_name": name, "start_time": now_ms()}
        )
        if not run:
            return None
        run_id = run["run"]["info"]["run_id"]
        self.id_file.write_text(run_id)
        pairs = [{"key": key, "value": value} for key, value in parameters.items()]
        self.call("POST", "runs/log-batch", {"run_id": run_id, "params": pairs})
        return run_id

    def metrics(self, iteration: int, values: dict[str, float]) -> None:
        if self.run_id:
            entries = [{"key": k, "value": v, "timestamp": now_ms(), "step": iteration} for k, v in values.items()]
            self.call("POST", "runs/log-batch", {"run_id": self.run_id, "metrics": entries})

    def artefact(self, path: Path) -> None:
        run = self.run_id and self.call("GET", f"runs/get?run_id={self.run_id}")
        if run:
            # mlflow-artifacts:/<experiment>/<run>/artifacts, served by the tracking server itself
            root = urllib.parse.urlparse(run["run"]["info"]["artifact_uri"]).path
            self.send("PUT", f"{self.base}/api/2.0/mlflow-artifacts/artifacts{root}/{path.name}", path.read_bytes())

    def finish(self) -> None:
        if self.run_id:
            self.call(
                "POST", "runs/update", {"run_id": self.run_id, "status": "FINISHED", "end_time": now_ms()}
            )

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any] | None:
        data = None if body is None else json.dumps(body).encode()
        answer = self.send(method, f"{self.base}/api/2.0/mlflow/{path}", data)
        return json.loads(answer) if answer else None

    def send(self, method: str, url: str, data: bytes | None) -> bytes | None:
        request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            # 404 is the answer to "is there such an experiment"
            if error.code != 404:
                print(f"MLflow refused {method} {url}: {error.code}", file=sys.stderr)
        except OSError as error:
            print(f"MLflow is away: {error}", file=sys.stderr)
        return None


def now_ms() -> int:
    return int(time.time() * 1000)
