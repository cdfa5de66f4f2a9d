#!/usr/bin/env python3
"""What a model file can do, measured through the program itself or through PyTorch.

    evaluate.py skills  --model M.gguf --tokenizer tok.model --program lapidary [--per-skill 200]
    evaluate.py stories --model M.gguf --tokenizer tok.model --data DATA
    evaluate.py samples --model M.gguf --program lapidary
    evaluate.py agree   --model M.gguf --tokenizer tok.model --program lapidary
    evaluate.py heads   --model M.gguf

skills: exact match on questions that training never asks, greedy, through `lapidary run --batch`;
an answer counts if it equals one of the right wordings. stories: nats a piece on the held-out
stories, by position; beside all of them those that fill the context, the same texts at every
position. samples: unedited answers. agree: the largest difference between the logits of
PyTorch and of `lapidary trace` (float32 cache). heads: what each head attends to on
random pieces said twice.
"""
import argparse
import collections
import json
import random
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import torch

import gguf_file
from inputs import check_data, check_file, check_least, check_names, refuse
from marks import EVAL_SEED, mean, question, story_losses, summary
from skills import WEIGHTS, Skills
from tokenizer import BOS, Tokenizer

REPEATED = 24   # random pieces, said twice after <bos>
SEQUENCES = 50
LONG = 480      # pieces of a text that fills the context
SAMPLES = [
    ("Tell me a story about Tim and a dog.", 0.7), ("Tell me a story about Lily.", 0.7),
    ("Can you tell me a story about a bird and a boat?", 0.7),
    ("Write a story about Ben the bear.", 0.7), ("Tell me a story.", 0.7),
    ("I want a story about a girl named Mia and a red ball.", 0.7),
    ("Please tell a short story about a cat.", 0.7), ("Tell me a story about a dragon.", 0.7),
    ("Hello!", 0.0), ("Who are you?", 0.0), ("What can you do?", 0.0),
    ("Tom and Mia went to the park. Tom gave the ball to Mia. Who has the ball now?", 0.0),
    ("Finish this: When Ben and Lucy went to the shop, Ben gave an apple to", 0.0),
    ("Repeat after me: bamo tilu vera nosi", 0.0),
    ("Ann likes cats. Bob likes trains. Eva likes plums. What does Bob like?", 0.0),
    ("I have a hat, a key and a spoon. Do I have a drum?", 0.0), ("Count to twelve.", 0.0),
    ("What is 7 plus 6?", 0.0), ("What is attention?", 0.0),
    ("What is the capital of France?", 0.0)]


def called(program, *arguments):
    """The program's run, its output caught; where it failed, that ends the script."""
    try:
        done = subprocess.run([program, *arguments], stdout=subprocess.PIPE, text=True)
    except OSError as error:
        refuse(f"--program is {program}, which cannot be started: {error.strerror}",
               "Give the path of lapidary.")
    if done.returncode:
        refuse(f"{program} {arguments[0]} failed with {done.returncode}",
               "Its own words are above; nothing was measured.")
    return done


def ask(program, model, lines):
    """Answers of `lapidary run --batch` to the lines, a hundred at a time."""
    answers = []
    for start in range(0, len(lines), 100):
        part = lines[start:start + 100]
        with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
            file.write("".join(json.dumps(line) + "\n" for line in part))
            file.flush()
            done = called(program, "run", "-m", model, "--batch", file.name, "-c", "512")
        try:
            answers += [json.loads(line)["text"] for line in done.stdout.splitlines()]
        except (ValueError, KeyError, TypeError):
            refuse(f"--program is {program}, which answers with {done.stdout[:60]!r}",
                   "Give the path of lapidary.")
    if len(answers) != len(lines):
        raise RuntimeError(f"{len(answers)} answers to {len(lines)} questions")
    return answers


def as_line(turns, **fields):
    """A line of the batch: the turns, the last answer left open."""
    said = []
    for t in turns:
        said += [dict(role="user", text=t.ask), dict(role="model", text=t.say)]
    return dict(turns=said[:-1], **fields)


def skills_command(args):
    items = []
    names = args.only.split(",") if args.only else list(WEIGHTS)
    check_names("--only", names, WEIGHTS)
    for name in names:
        skills = Skills(f"{EVAL_SEED} {name}", "eval")
        items += [(name, getattr(skills, name)()) for _ in range(args.per_skill)]
    answers = ask(args.program, args.model, [as_line(t, temp=0, n=96) for _, t in items])
    right, misses = collections.Counter(), {}
    for (name, turns), answer in zip(items, answers):
        if answer.strip() in turns[-1].right:
            right[name] += 1
        else:
            misses.setdefault(name, []).append((turns[-1].ask, turns[-1].say, answer))
    print("| skill | right | of |\n|---|--:|--:|")
    for name in names:
        print(f"| {name} | {right[name]} | {args.per_skill} |")
    print(f"\nmean {sum(right.values()) / len(items):.4f}")
    for name, missed in misses.items():
        for asked, say, answer in missed[:args.misses]:
            print(f"{name}: {asked!r}: {answer!r}, not {say!r}")


def stories_command(args):
    losses = story_losses(gguf_file.read(args.model).eval(), Tokenizer(args.tokenizer), args.data)
    story, chat = summary(losses)
    told = sum(t for _, _, t, _ in losses)
    print(f"stories {story:.4f} nats a piece ({told}), with the requests {chat:.4f} "
          f"({len(losses)})\n\n| position | nats | pieces | the longest alone | pieces |\n"
          "|---|--:|--:|--:|--:|")
    for low in range(0, 512, 64):
        part = [(n, long) for i, n, t, long in losses if t and low <= i < low + 64]
        longest = [n for n, long in part if long >= LONG]
        if longest:
            print(f"| {low}-{low + 63} | {mean(n for n, _ in part):.3f} | {len(part)} | "
                  f"{mean(longest):.3f} | {len(longest)} |")


def samples_command(args):
    lines = [dict(turns=[dict(role="user", text=q)], temp=t, seed=i + 1, n=320)
             for i, (q, t) in enumerate(SAMPLES)]
    for (q, t), answer in zip(SAMPLES, ask(args.program, args.model, lines)):
        print(f"**{q}** ({'greedy' if t == 0 else f'temperature {t}'})\n")
        print("\n".join("> " + line for line in answer.strip().split("\n")), end="\n\n")


def agree_command(args):
    """100 held-out prompts: every logit of every position."""
    model, tokenizer = gguf_file.read(args.model).eval(), Tokenizer(args.tokenizer)
    skills, worst, total = Skills(EVAL_SEED + 1, "eval"), 0.0, 0
    names = list(WEIGHTS)
    with tempfile.TemporaryDirectory() as folder:
        for i in range(args.prompts):
            ids = question(tokenizer, getattr(skills, names[i % len(names)])())
            out = str(Path(folder) / "trace.npz")
            called(args.program, "trace", "-m", args.model, "--tokens", ",".join(map(str, ids)),
                   "--taps", "logits", "-ctk", "f32", "-ctv", "f32", "--path", args.path, "-o", out)
            with torch.no_grad():
                ours = model(torch.tensor([ids]))[0].numpy()
            theirs = np.load(out)["logits"].reshape(ours.shape)
            worst = max(worst, float(np.abs(ours - theirs).max()))
            total += len(ids)
    print(f"largest difference of a logit over {args.prompts} prompts, {total} positions: "
          f"{worst:.2e}")


def head_scores(model, seed=5):
    """Scores [layers, heads] by role, means over random pieces said twice.

    previous, duplicate, induction: sum(A * D) / sum(A) with column 0 of the pattern A zeroed, D the
    pairs of the role (TransformerLens); sink: the mean of column 0 over rows >= 1.
    """
    source = random.Random(seed)
    size = 1 + 2 * REPEATED
    sums = collections.defaultdict(float)
    for _ in range(SEQUENCES):
        once = [source.randrange(300, model.shape.vocab) for _ in range(REPEATED)]
        ids = torch.tensor([BOS, *once, *once])
        a = model.attention(ids[None])[:, 0]
        sums["sink"] += a[:, :, 1:, 0].mean(-1)
        a[..., 0] = 0
        i = torch.arange(size)
        before = i[:, None] > i[None]
        equal = (ids[:, None] == ids[None]) & before
        roles = dict(previous=(i[:, None] - i[None]) == 1, duplicate=equal,
                     induction=torch.cat([torch.zeros(size, 1, dtype=torch.bool),
                                          equal[:, :-1]], 1) & (i[:, None] >= i[None]))
        for name, d in roles.items():
            sums[name] += (a * d).sum((-1, -2)) / a.sum((-1, -2)).clamp_min(1e-9)
    return {name: total / SEQUENCES for name, total in sums.items()}


def heads_command(args):
    scores = head_scores(gguf_file.read(args.model).eval())
    print("| layer | head | previous | duplicate | induction | sink |\n|--:|--:|--:|--:|--:|--:|")
    layers, heads = scores["sink"].shape
    for layer in range(layers):
        for head in range(heads):
            values = " | ".join(f"{float(scores[r][layer, head]):.2f}" for r in (
                "previous", "duplicate", "induction", "sink"))
            print(f"| {layer} | {head} | {values} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    commands = parser.add_subparsers(dest="command", required=True)
    for name, needs in dict(skills="tokenizer program", stories="tokenizer data",
                            samples="program", agree="tokenizer program", heads="").items():
        command = commands.add_parser(name)
        for need in ["model", *needs.split()]:
            command.add_argument("--" + need, required=True)
        if name == "skills":
            command.add_argument("--per-skill", type=int, default=200)
            command.add_argument("--only", help="these skills, with commas between")
            command.add_argument("--misses", type=int, default=2, help="to print for each skill")
        if name == "agree":
            command.add_argument("--prompts", type=int, default=100)
            command.add_argument("--path", choices=["plain", "fast"], default="plain")
    args = parser.parse_args()
    for name in ("model", "tokenizer"):
        if name in args:
            check_file("--" + name, getattr(args, name))
    if "data" in args:
        check_data(args.data)
    check_least(args, 1, *(name for name in ("per_skill", "prompts") if name in args))
    torch.set_num_threads(1)
    globals()[args.command + "_command"](args)


if __name__ == "__main__":
    main()
