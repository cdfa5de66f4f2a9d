#!/usr/bin/env python3
"""Trains the shipped model on one GPU, by teachers that are not shipped (as Gemma 2's small sizes
were made).

    distill.py --data DATA --tokenizer tok.model --out RUN                      with a new teacher
    distill.py .. --out RUN2 --teachers RUN/student.pt small.pt --weights RUN/student.pt

1. Without --teachers, one of four times the size learns the `steady` mixture, with dropout: the
   texts are few.
2. The first teacher tells stories on request (tell.py), more than there are real ones.
3. The student learns both and everything else. On stories the loss is mostly the divergence from
   the mean of the teachers' distributions, for they can go on in many ways; on tasks, whose answers
   are known, it is the text alone.

Steps are counted; --minutes ends each part by the clock where the machine is slower than thought.
RUN/student.pt is what gguf_file.py takes, RUN/log.jsonl the curve. RUN/teacher.pt, of a new
teacher, is there before it tells: to go on with --teachers.
"""
import argparse
import json
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch._dynamo
import torch.nn.functional as F

from feed import Feed, save_told
from gemma import SHAPES, Gemma, Shape
from inputs import check_data, check_file, check_least, check_new, checkpoint
from marks import by_need, exact_match, story_losses, summary
from mixture import split_stories
from optimizers import Optimizers
from tell import told
from tokenizer import Tokenizer

WARM_UP = 50                # steps
FLOOR = 0.02                # of the rate, at the end
DROPOUT = 0.15              # of the teacher
SOFT = 0.9                  # of a story's loss is the divergence from the teacher
TEACHER_PART, TOLD_PART = 0.32, 0.2  # of the minutes, at most: to teach the teacher, to tell


@dataclass
class Plan:
    """The rate over one part of the run: flat, then falling in a line."""
    steps: int
    flat: float             # share of the part before the fall
    late: float             # share of the part after which the late mixture is drawn
    until: float            # time at which the part has to be over
    peak: float = 1.0       # scales the rates
    begin: float = 0.0
    done: int = 0

    def progress(self):
        """0 to 1, by steps or by the clock, whichever is further."""
        now = time.time()
        if now >= self.until:  # perhaps before the part began: those before it took too long
            return 1.0
        return max(self.done / self.steps, (now - self.begin) / (self.until - self.begin))

    def rate(self):
        left = min(1.0, (1 - self.progress()) / (1 - self.flat))
        return self.peak * min(1.0, (self.done + 1) / WARM_UP) * max(FLOOR, left)


class Log:
    def __init__(self, path):
        self.path, self.begin = path, time.time()

    def __call__(self, **fields):
        line = json.dumps(dict(seconds=round(time.time() - self.begin, 1), **fields))
        print(line, flush=True)
        with open(self.path, "a") as file:
            file.write(line + "\n")


class Part:
    """Trains one model: a teacher by itself, the student by teachers."""

    def __init__(self, name, model, args, log, teachers=()):
        self.name, self.model, self.args, self.log = name, model, args, log
        self.device = model.emb.weight.device
        self.tokenizer = Tokenizer(args.tokenizer)
        self.optimizers = Optimizers(model)
        self.layers = self.compiled(model)
        self.teachers = [(teacher, self.compiled(teacher)) for teacher in teachers]
        self.hard = torch.compile(self.hard_loss, dynamic=False)
        self.soft = torch.compile(self.soft_loss, dynamic=False)

    @staticmethod
    def compiled(model):
        return [torch.compile(layer, dynamic=False) for layer in model.layers]

    def narrow(self):
        """Products in bfloat16."""
        return torch.autocast(self.device.type, torch.bfloat16)

    def hard_loss(self, x, targets, weights):
        """Weighted sum of the nats of targets [B, T] after the last layer's x."""
        nats = F.cross_entropy(self.model.head(x).flatten(0, 1), targets.flatten(),
                               reduction="none")
        return (nats * weights.flatten()).sum()

    def soft_loss(self, x, theirs, targets, weights, stories):
        """The same, on stories mostly the divergence from the mean of the teachers, whose last x
        are `theirs`."""
        ours = self.model.head(x).log_softmax(-1)
        theirs = [teacher.head(x).log_softmax(-1) for (teacher, _), x in zip(self.teachers, theirs)]
        theirs = torch.stack(theirs).logsumexp(0) - math.log(len(theirs))
        nats = -ours.gather(-1, targets[..., None])[..., 0]
        apart = (theirs.exp() * (theirs - ours)).sum(-1)
        share = SOFT * stories
        return ((share * apart + (1 - share) * nats) * weights).sum()

    def step(self, batch, rate):
        """One batch; its loss a unit of weight, as a tensor."""
        ids, weights, stories = (torch.from_numpy(x).to(self.device, non_blocking=True)
                                 for x in batch)
        ids = ids.long()
        seen, targets = ids[:, :-1].contiguous(), ids[:, 1:].contiguous()
        weights, stories = weights[:, 1:].contiguous(), stories[:, 1:].contiguous()
        with self.narrow():
            x = self.model.body(seen, self.layers)
            if self.teachers:
                with torch.no_grad():
                    theirs = [teacher.body(seen, layers) for teacher, layers in self.teachers]
                loss = self.soft(x, theirs, targets, weights, stories)
            else:
                loss = self.hard(x, targets, weights)
        loss = loss / weights.sum()
        self.model.zero_grad()
        loss.backward()
        self.optimizers.step(rate)
        return loss.detach()

    def measure(self, plan, feed):
        """Marks the skills, draws the weak ones more often from now on, and logs the figures."""
        self.model.eval()
        with self.narrow():
            marks = exact_match(self.model, self.tokenizer, self.args.per_skill)
            story, chat = summary(story_losses(self.model, self.tokenizer, self.args.data))
        self.model.train()
        feed.weights = by_need(feed.weights, marks)
        self.log(part=self.name, kind="marks", step=plan.done, story=round(story, 4),
                 chat=round(chat, 4), mean=round(sum(marks.values()) / len(marks), 4),
                 skills={k: round(v, 3) for k, v in marks.items()})

    def train(self, plan, feed, late=None):
        """Until the plan is done; `late`: the stage that its end is drawn from."""
        plan.begin, shape = time.time(), None
        self.model.train()
        while plan.progress() < 1:
            if late and plan.progress() >= plan.late:
                feed.stage = late
            rate = plan.rate()
            batch = feed.batch()
            shape = batch[0].shape
            loss = self.step(batch, rate)
            plan.done += 1
            if plan.done % 50 == 0:
                self.log(part=self.name, kind="loss", step=plan.done, rate=round(rate, 4),
                         loss=round(float(loss), 4),
                         tokens=plan.done * shape[0] * (shape[1] - 1))
            if plan.done % self.args.mark_every == 0:
                self.measure(plan, feed)
        if not plan.done:
            raise SystemExit(f"--minutes leaves no time for the {self.name}")
        self.measure(plan, feed)


def load(path, device):
    """The model of a checkpoint."""
    saved = checkpoint(path, lambda path: torch.load(path, weights_only=False), "model", "shape")
    model = Gemma(Shape(**saved["shape"]))
    model.load_state_dict({name: value.float() for name, value in saved["model"].items()})
    return model.to(device)


def save(path, model, plan, args):
    torch.save(dict(model={k: v.cpu() for k, v in model.state_dict().items()},
                    shape=asdict(model.shape), step=plan.done,
                    tokens=plan.done * args.rows * args.length), path)


def new_teacher(args, log, until):
    feed, plan = Feed(args, ["steady"], args.seed), Plan(args.teacher_steps, 0.3, 1.0, until)
    teacher = Gemma(SHAPES[args.teacher], DROPOUT).to(args.device)
    Part("teacher", teacher, args, log).train(plan, feed)
    feed.stop()
    save(Path(args.out) / "teacher.pt", teacher, plan, args)
    return teacher


def tell(teacher, args, log, until):
    """Writes the teacher's stories; returns the file."""
    tokenizer, path = Tokenizer(args.tokenizer), Path(args.out) / "told.npz"
    texts, asked = told(teacher, tokenizer, split_stories(args.data)[0], args.stories,
                        args.seed + 1, until)
    log(part="told", asked=asked, kept=len(texts), pieces=sum(len(ids) for ids, _ in texts))
    if not texts:
        raise SystemExit(f"none of the {asked} stories is worth keeping: teach the teacher longer")
    save_told(path, texts)
    print(*(tokenizer.pieces.decode(ids) for ids, _ in texts[:3]), sep="\n---\n", flush=True)
    return str(path)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--data", required=True, help="folder of the training text")
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--out", required=True, help="folder for the student and the log")
    parser.add_argument("--minutes", type=float, default=60, help="at most, for everything")
    parser.add_argument("--teachers", nargs="+", default=[], help="checkpoints, no new teacher")
    parser.add_argument("--weights", help="checkpoint that the student starts from")
    parser.add_argument("--peak", type=float, default=1.0, help="scales the student's rates")
    parser.add_argument("--teacher-steps", type=int, default=1000)
    parser.add_argument("--stories", type=int, default=60000, help="asked of the first teacher")
    parser.add_argument("--student-steps", type=int, default=2000)
    parser.add_argument("--teacher", choices=SHAPES, default="teacher", help="shape of a new one")
    parser.add_argument("--shape", choices=SHAPES, default="shipped", help="of a new student")
    parser.add_argument("--rows", type=int, default=128, help="rows of a batch")
    parser.add_argument("--length", type=int, default=512, help="positions of a row")
    parser.add_argument("--mark-every", type=int, default=400, help="steps between marks")
    parser.add_argument("--per-skill", type=int, default=24, help="questions for a mark")
    parser.add_argument("--feeders", type=int, default=6, help="processes that make the rows")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    check_data(args.data)
    check_file("--tokenizer", args.tokenizer)
    for path in args.teachers:
        check_file("--teachers", path)
    if args.weights:
        check_file("--weights", args.weights)
    for name in ("teacher.pt", "student.pt"):
        check_new(Path(args.out) / name)
    check_least(args, 1, "teacher_steps", "stories", "student_steps", "rows", "length", "mark_every",
                "per_skill", "feeders")
    return args


def main():
    args, begin = arguments(), time.time()
    torch.manual_seed(args.seed)
    # One a kind of layer and model, with and without gradients.
    torch._dynamo.config.recompile_limit = 64
    out, end = Path(args.out), begin + 60 * args.minutes
    out.mkdir(parents=True, exist_ok=True)
    log = Log(out / "log.jsonl")

    teachers = [load(path, args.device) for path in args.teachers] or [
        new_teacher(args, log, begin + TEACHER_PART * (end - begin))]
    for teacher in teachers:
        teacher.eval().requires_grad_(False)
    torch.cuda.empty_cache()
    path = tell(teachers[0], args, log, time.time() + TOLD_PART * (end - begin))
    torch.cuda.empty_cache()

    feed = Feed(args, ["student", "student_late"], args.seed + 2, path)
    student = (load(args.weights, args.device) if args.weights
               else Gemma(SHAPES[args.shape]).to(args.device))
    plan = Plan(args.student_steps, 0.35, 0.75, end, args.peak)
    Part("student", student, args, log, teachers).train(plan, feed, "student_late")
    feed.stop()
    save(out / "student.pt", student, plan, args)


if __name__ == "__main__":
    main()
