#!/usr/bin/env python3
"""Trains the model: a flat rate for as long as there is time, then a linear fall to 2 %.

    train.py --data DATA --tokenizer tok.model --out RUN                       from nothing
    train.py .. --weights lapidary-demo.gguf                                   from shipped weights
    train.py .. --resume RUN/last.pt --steps N --fall F --length 512    the end of a run

A run of many steps may be stopped at any time (SIGTERM or SIGINT: it saves and leaves) and carried
on with --resume. Its checkpoint before the fall is the place to go on from with more time: weights
that were decayed once have to be warmed up again. Matrices are trained by Muon, the embedding and
the norms by AdamW; products in bfloat16, weights and sums in float32.

Each of --workers processes computes on one thread and takes its part of every batch; they meet once
a step. Threads that meet at every product stand still as soon as anything else runs beside them.
"""
import argparse
import json
import os
import signal
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import torch
import torch.distributed as dist
import torch.multiprocessing
import torch.nn.functional as F

import gguf_file
from gemma import SHAPES, Gemma, Shape
from inputs import CHECKPOINT, beginning, check_training, checkpoint
from marks import by_need, exact_match, story_losses, summary
from mixture import Mixture
from optimizers import Optimizers
from skills import WEIGHTS
from tokenizer import Tokenizer

WARM_UP = 100       # steps
FLOOR = 0.02        # of the rate, at the end
SAVE_SECONDS = 600
RESUMED = ("model", "shape", "step", "tokens", "seconds", "muon", "adam", "mixtures")


class Team:
    """The processes of a run: rank 0 of `size` saves and writes the log."""

    def __init__(self, rank, size, meeting):
        self.rank, self.size = rank, size
        if size > 1:
            dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank,
                                    world_size=size)

    def add(self, values):
        """The sum over all processes, in place."""
        if self.size > 1:
            dist.all_reduce(values)

    def gather(self, value):
        """Everyone's value, in the order of ranks."""
        values = [value] * self.size
        if self.size > 1:
            dist.all_gather_object(values, value)
        return values


class Run:
    def __init__(self, args, team):
        self.args, self.team, self.stopped = args, team, False
        self.tokenizer = Tokenizer(args.tokenizer)
        self.out = Path(args.out)
        self.out.mkdir(parents=True, exist_ok=True)
        self.model = self.begin_with(args)
        self.step, self.tokens, self.seconds = 0, 0, 0.0
        self.begin, self.minutes = time.time(), 0.0  # of this process, by the clock of rank 0
        named = list(self.model.named_parameters())
        self.optimizers = Optimizers(self.model)
        self.mixtures = {stage: Mixture(args.data, self.tokenizer, stage, args.seed + 10 * i)
                         for i, stage in enumerate(("steady", "late"))}
        self.loss = torch.compile(self.plain_loss, dynamic=False)
        # All gradients in one piece, then: sum of the weights, of the losses, who wants to stop or
        # to save, minutes. One sum over the team carries everything.
        self.shared = torch.zeros(sum(p.numel() for _, p in named) + 5)
        end = 0
        for _, p in named:
            p.grad = self.shared[end:end + p.numel()].view_as(p)
            end += p.numel()
        if args.resume:
            self.restore(torch.load(args.resume, weights_only=False))

    @staticmethod
    def begin_with(args):
        """The model, with the weights to start from or fresh ones."""
        path = beginning(args)
        if not path:
            return Gemma(SHAPES[args.shape])
        if path.endswith(".gguf"):
            return gguf_file.read(path)
        needed = RESUMED if args.resume else ("model", "shape")
        saved = checkpoint(path, lambda path: torch.load(path, weights_only=False, mmap=True),
                           *needed)
        model = Gemma(Shape(**saved["shape"]))
        model.load_state_dict(saved["model"])
        return model

    def plain_loss(self, ids, targets, weights):
        """Weighted sum of the nats of targets [B, T]."""
        with torch.autocast("cpu", torch.bfloat16):
            logits = self.model(ids)
        nats = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
        return (nats * weights.flatten()).sum()

    def left(self):
        """How much of the fall is still to come: 1 before it, 0 at the end of the run."""
        if self.args.fall_minutes:
            return 1.0 - min(1.0, self.minutes / self.args.fall_minutes)
        left = self.args.steps - self.step
        return min(1.0, left / self.args.fall) if self.args.fall else float(left > 0)

    def rate(self):
        warm = min(1.0, (self.step + 1) / WARM_UP)
        return self.args.peak * warm * max(FLOOR, self.left())

    def stage(self):
        return "late" if self.left() < self.args.late else "steady"

    def train_step(self, save):
        """One batch; returns the loss, the rate, and whether it is time to save."""
        a, rank, size = self.args, self.team.rank, self.team.size
        ids, weights, _ = (torch.from_numpy(x[rank::size].copy())
                           for x in self.mixtures[self.stage()].batch(a.rows, a.length))
        self.shared.zero_()
        loss = self.loss(ids[:, :-1].contiguous(), ids[:, 1:].contiguous(),
                         weights[:, 1:].contiguous())
        loss.backward()
        minutes = 0.0 if rank else (time.time() - self.begin) / 60
        self.shared[-5:] = torch.tensor([float(weights[:, 1:].sum()), float(loss.detach()),
                                         float(self.stopped), float(save), minutes])
        self.team.add(self.shared)
        total, loss, stop, save, self.minutes = self.shared[-5:].tolist()
        self.stopped = stop > 0
        self.shared[:-5] /= total
        rate = self.rate()
        self.optimizers.step(rate)
        self.step += 1
        self.tokens += a.rows * a.length
        return loss / total, rate, save > 0

    def measure(self):
        """Marks the skills, draws the weak ones more often from now on, and logs the figures."""
        mine = slice(self.team.rank, None, self.team.size)
        with torch.autocast("cpu", torch.bfloat16):
            marked = self.team.gather(exact_match(self.model, self.tokenizer, self.args.per_skill,
                                                  list(WEIGHTS)[mine]))
            losses = self.team.gather(story_losses(self.model, self.tokenizer, self.args.data,
                                                   mine))
        marks = {k: v for part in marked for k, v in part.items()}
        story, chat = summary([x for part in losses for x in part])
        for mixture in self.mixtures.values():
            mixture.skills.weights = by_need(mixture.skills.weights, marks)
        self.log(kind="marks", story=round(story, 4), chat=round(chat, 4),
                 mean=round(sum(marks.values()) / len(marks), 4),
                 skills={k: round(marks[k], 3) for k in WEIGHTS})

    def log(self, **fields):
        if self.team.rank:
            return
        line = json.dumps(dict(step=self.step, tokens=self.tokens, hours=round(
            self.seconds / 3600, 4), **fields))
        print(line, flush=True)
        with open(self.out / "log.jsonl", "a") as log:
            log.write(line + "\n")

    def save(self, name=CHECKPOINT):
        if self.team.rank:
            return
        part = self.out / (name + ".part")
        torch.save(dict(
            model=self.model.state_dict(), shape=asdict(self.model.shape), step=self.step,
            tokens=self.tokens, seconds=self.seconds,
            **self.optimizers.state(),
            mixtures={k: m.state() for k, m in self.mixtures.items()}), part)
        os.replace(part, self.out / name)

    def restore(self, saved):
        self.step, self.tokens, self.seconds = saved["step"], saved["tokens"], saved["seconds"]
        self.optimizers.restore(saved)
        for name, state in saved["mixtures"].items():
            self.mixtures[name].restore(state)

    def train(self):
        """Until the last step, or until a signal asks for the end."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: setattr(self, "stopped", True))
        last, saved, smooth = time.time(), time.time(), None
        while self.left() > 0 and not self.stopped:
            due = self.team.rank == 0 and time.time() - saved > SAVE_SECONDS
            loss, rate, save = self.train_step(due)
            smooth = loss if smooth is None else 0.98 * smooth + 0.02 * loss
            now = time.time()
            self.seconds += now - last
            last = now
            if self.step % 50 == 0:
                self.log(kind="loss", loss=round(smooth, 4), rate=round(rate, 4))
            if self.step % self.args.mark_every == 0:
                self.measure()
            if save:
                self.save()
                saved = time.time()
        self.save()
        self.measure()


def work(rank, args, meeting):
    """One process of the run."""
    torch.manual_seed(args.seed)
    torch.set_num_threads(1)
    Run(args, Team(rank, args.workers, meeting)).train()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--data", required=True, help="folder of the training text")
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--out", required=True, help="folder for checkpoints and the log")
    parser.add_argument("--resume", help="checkpoint to carry on")
    parser.add_argument("--weights", help=".pt or .gguf to start from with fresh optimisers")
    parser.add_argument("--shape", choices=SHAPES, default="small", help="of a model from nothing")
    parser.add_argument("--steps", type=int, default=10**6, help="step at which the run ends")
    parser.add_argument("--fall", type=int, default=0, help="last steps, in which the rate falls")
    parser.add_argument("--fall-minutes", type=float, help="let it fall from now on, by the clock")
    parser.add_argument("--late", type=float, default=0.35,
                        help="last part of the fall on the late mixture")
    parser.add_argument("--peak", type=float, default=1.0, help="scales the rates")
    parser.add_argument("--rows", type=int, default=12, help="rows of a batch")
    parser.add_argument("--length", type=int, default=384, help="positions of a row")
    parser.add_argument("--mark-every", type=int, default=200, help="steps between marks")
    parser.add_argument("--per-skill", type=int, default=24, help="questions for a mark")
    parser.add_argument("--workers", type=int, default=2, help="processes, one a core")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    check_training(args)
    with tempfile.TemporaryDirectory() as folder:
        team = torch.multiprocessing.start_processes(
            work, (args, os.path.join(folder, "meeting")), args.workers, join=False,
            start_method="spawn")
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda n, _: [os.kill(pid, n) for pid in team.pids()])
        try:
            while not team.join():
                pass
        except torch.multiprocessing.ProcessExitedException as error:
            if error.exit_code != 1:
                raise
            raise SystemExit(1) from None  # the process has said why


if __name__ == "__main__":
    main()
