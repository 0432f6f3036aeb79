"""Trains the glioma network; run again with the same --out, it continues where it was.

    python models/training/train.py --data <folder of cases> --out <work folder>
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from gliomanet.ahead import made_ahead
from gliomanet.augment import training_patch
from gliomanet.cases import Brain, Case, brain, find_cases, load_case
from gliomanet.healthy import HealthyAtlas
from gliomanet.journal import Journal, parameters
from gliomanet.loss import deep_supervision
from gliomanet.predict import mean_dice, score, torch_network
from gliomanet.split import FOLD_NAMES, held_out
from gliomanet.state import State, load, new_state, save, start_from, update_ema

WARM_UP = 100
DECAY_SHARE = 0.35
GRADIENT_CLIP = 2.0
# Large patches cost 2.4 times as much: they come once the network knows what a tumour looks like.
SMALL_SIDE, LARGE_SIDE, LARGE_FROM = 96, 128, 0.3
LOG_EVERY = 20
SAVE_EVERY_S = 240


def main() -> None:
    args = arguments()
    torch.set_num_threads(args.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.backends.cudnn.benchmark = True  # two patch sizes only: the fastest algorithm is worth a search
    args.out.mkdir(parents=True, exist_ok=True)
    cases = [load_case(folder, args.cache or args.out / "cache") for folder in find_cases(args.data)]
    outside = held_out([case.id for case in cases], args.fold, args.seed)
    inside = [case for case in cases if case.id not in outside]
    validation = [case for case in cases if case.id in outside]
    print(f"{len(inside)} training cases; held out: {', '.join(outside) or 'none'}", flush=True)

    state = new_state(args.seed, device)
    checkpoint = args.out / "checkpoint.pt"
    if checkpoint.exists():
        load(state, checkpoint)
        print(f"continues at iteration {state.iteration}", flush=True)
    elif args.init:
        print(f"starts from {args.init}; new: {', '.join(start_from(state, args.init)) or 'nothing'}", flush=True)
    journal = Journal(args.out, parameters(describe(args, cases, outside)), state.iteration)
    train(args, state, inside, validation, journal, device)
    if journal.mlflow:
        journal.mlflow.artefact(checkpoint)
        journal.mlflow.finish()


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, action="append", required=True, help="a case or a folder of cases; may be repeated")
    parser.add_argument("--out", type=Path, required=True, help="work folder: checkpoint, metrics, curves")
    parser.add_argument("--cache", type=Path, help="normalised cases (default: <out>/cache)")
    parser.add_argument("--atlas", type=Path, help="folder with icbm152-{t1,gm,wm}.nii.gz: one patch in twenty is of a healthy brain")
    parser.add_argument("--fold", default="0", choices=FOLD_NAMES, help="which cases are held out; all: none")
    parser.add_argument("--init", type=Path, help="an ONNX file of this network to start from, instead of random weights")
    parser.add_argument("--learning-rate", type=float, default=2e-3, help="at its peak")
    parser.add_argument("--iterations", type=int, default=5000, help="a longer training may be asked for when it continues")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--validate-every", type=int, default=500)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--workers", type=int, default=0, help="processes that make patches beside the network, on a CPU")
    parser.add_argument("--bf16", action="store_true", help="for a GPU, or a CPU with AVX512-BF16 or AMX; slower on any other")
    return parser.parse_args()


def train(
    args: argparse.Namespace,
    state: State,
    inside: list[Case],
    validation: list[Case],
    journal: Journal,
    device: torch.device,
) -> None:
    stop = StopSignal()
    before_decay = math.floor(args.iterations * (1 - DECAY_SHARE))
    started, done, saved_at = time.monotonic(), 0.0, time.monotonic()
    ahead = work(state.iteration, args.iterations, args.iterations)
    running: list[Tensor] = []
    for image, target in patches(args, inside, state.iteration, device):
        loss = step(state, image, target, learning_rate(state.iteration, args), device, args.bf16)
        done += work(state.iteration, state.iteration + 1, args.iterations)
        state.iteration += 1
        running.append(loss)
        if state.iteration % LOG_EVERY == 0:
            left = (time.monotonic() - started) * (ahead - done) / done
            mean = torch.stack(running).mean().item()
            running.clear()
            journal.write(state.iteration, loss=mean, learningRate=learning_rate(state.iteration, args))
            print(
                f"{time.strftime('%H:%M:%S')} iteration {state.iteration}/{args.iterations}  loss {mean:.3f}  "
                f"{(time.monotonic() - started) / done:.2f} s per small patch  "
                f"left {int(left // 3600)}:{int(left // 60 % 60):02d}",
                flush=True,
            )
        last = state.iteration == args.iterations
        if stop.asked or last or time.monotonic() - saved_at > SAVE_EVERY_S:
            save(state, args.out / "checkpoint.pt")
            saved_at = time.monotonic()
        if state.iteration == before_decay:
            # From here a longer training can go on as if it had been planned so.
            save(state, args.out / "before-decay.pt")
        if stop.asked:
            print(f"stopped at iteration {state.iteration}; the same command continues", flush=True)
            raise SystemExit(0)
        if validation and (last or state.iteration % args.validate_every == 0):
            validate(state, validation, journal)


def patches(args: argparse.Namespace, cases: list[Case], first: int, device: torch.device) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches from iteration `first` on. On a GPU they are made there, by a thread, while the network works."""
    brains = [brain(case, device) for case in cases]
    atlas = HealthyAtlas(args.atlas, device) if args.atlas else None
    made = Patches(brains, atlas, args.iterations, args.batch, args.seed)
    if device.type == "cuda":
        return made_ahead(made.batch_of, range(first, args.iterations))
    return iter(
        DataLoader(
            made,
            batch_size=args.batch,
            sampler=range(first * args.batch, args.iterations * args.batch),
            num_workers=args.workers,
            worker_init_fn=leave_stopping_to_the_training,
        )
    )


def leave_stopping_to_the_training(_worker: int) -> None:
    """Ctrl-C reaches every process of the terminal; a worker that died of it would end the training before it saved."""
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)


class Patches(Dataset[tuple[Tensor, Tensor]]):
    """Patch number i of a training, a function of the seed and i."""

    def __init__(self, brains: list[Brain], atlas: HealthyAtlas | None, iterations: int, batch: int, seed: int) -> None:
        self.brains, self.atlas, self.iterations, self.batch, self.seed = brains, atlas, iterations, batch, seed

    def __getitem__(self, i: int) -> tuple[Tensor, Tensor]:
        draw = int.from_bytes(hashlib.sha256(f"{self.seed} {i}".encode()).digest()[:7], "big")
        return training_patch(self.brains, side(i // self.batch, self.iterations), draw, self.atlas)

    def batch_of(self, iteration: int) -> tuple[Tensor, Tensor]:
        images, targets = zip(*(self[iteration * self.batch + i] for i in range(self.batch)))
        return torch.stack(images), torch.stack(targets)


def side(iteration: int, iterations: int) -> int:
    return LARGE_SIDE if iteration >= LARGE_FROM * iterations else SMALL_SIDE


def work(first: int, last: int, iterations: int) -> float:
    """What the iterations first … last − 1 cost, in small patches."""
    return sum((side(i, iterations) / SMALL_SIDE) ** 3 for i in range(first, last))


def learning_rate(iteration: int, args: argparse.Namespace) -> float:
    """Warm-up, constant, linear to zero over the last third (Hägele 2024): unlike a cosine it lets a training be
    made longer from before the decay."""
    decay = (args.iterations - iteration) / (DECAY_SHARE * args.iterations)
    return args.learning_rate * min(1, (iteration + 1) / WARM_UP, decay)


def step(state: State, image: Tensor, target: Tensor, rate: float, device: torch.device, bf16: bool) -> Tensor:
    """One update; image [batch, 4, x, y, z], target [batch, 3, x, y, z]. Gives the loss."""
    for group in state.optimizer.param_groups:
        group["lr"] = rate
    state.network.train()
    with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
        outputs = state.network(image.to(device, memory_format=torch.channels_last_3d))
    loss = deep_supervision(outputs, target.to(device))
    state.optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(state.network.parameters(), GRADIENT_CLIP)
    state.optimizer.step()
    update_ema(state)
    return loss.detach()  # not its number: that would wait for the GPU


def validate(state: State, validation: list[Case], journal: Journal) -> None:
    """Whole held-out brains, all modalities, averaged weights."""
    started = time.monotonic()
    network = torch_network(state.ema)
    dice = mean_dice([score(network, case) for case in validation])
    journal.write(state.iteration, **{f"dice_{name}": value for name, value in dice.items()})
    picture = journal.draw()
    if journal.mlflow:
        journal.mlflow.artefact(picture)
    figures = "  ".join(f"{name} {value:.3f}" for name, value in dice.items())
    print(f"held out: {figures}  ({time.monotonic() - started:.0f} s)", flush=True)


def describe(args: argparse.Namespace, cases: list[Case], outside: list[str]) -> dict[str, Any]:
    """training.json: what the weights come from, for the export and the model card."""
    about = {
        "fold": args.fold,
        "seed": args.seed,
        "iterations": args.iterations,
        "batch": args.batch,
        "learningRate": args.learning_rate,
        "healthyBrains": args.atlas is not None,
        "startedFrom": hashlib.sha256(args.init.read_bytes()).hexdigest() if args.init else None,
        "trainingCases": [case.id for case in cases if case.id not in outside],
        "heldOut": outside,
        "sha256": {case.id: case.sha256 for case in cases},
    }
    (args.out / "training.json").write_text(json.dumps(about, indent=1))
    return about


class StopSignal:
    """SIGTERM or Ctrl-C: finish the iteration, save, leave."""

    def __init__(self) -> None:
        self.asked = False
        signal.signal(signal.SIGTERM, self.ask)
        signal.signal(signal.SIGINT, self.ask)

    def ask(self, *_: object) -> None:
        self.asked = True


if __name__ == "__main__":
    main()
