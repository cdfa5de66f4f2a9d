#!/usr/bin/env python3
"""Checks what the training relies on and no mark would show; needs no texts, takes seconds.

    check.py --gguf ../lapidary-demo.gguf

Attention is written three times: whole (`Layer.weights`, what the evaluation looks at), in blocks
(`Layer.attend`, what is trained) and for one position at a time (`tell.Teller`). They have to agree
on the logits of real weights, also where texts share a row.
"""
import argparse
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import torch

import gguf_file
import tokenizer
from distill import Plan
from gemma import BOS, Layer
from tell import Teller

POSITIONS = 256
CLOSE = 1e-3  # of logits up to 30: float32 in another order


def random_rows(vocab, texts):
    """[texts, POSITIONS] random pieces, row i holding i + 1 texts."""
    ids = torch.randint(300, vocab, (texts, POSITIONS))
    for row in range(texts):
        ids[row, 0] = BOS
        ids[row, torch.randperm(POSITIONS - 1)[:row] + 1] = BOS
    return ids


def whole(layer, q, k, v, text):
    return layer.weights(q, k, text) @ v[:, :, None]


def apart(name, ours, theirs):
    difference = float((ours - theirs).abs().max())
    print(f"{name}: logits up to {float(theirs.abs().max()):.1f}, apart by {difference:.1e}")
    assert difference < CLOSE, name


@torch.no_grad()
def check_attention(model):
    ids, in_blocks = random_rows(model.shape.vocab, 4), Layer.attend
    blocks = model(ids)
    Layer.attend = whole
    expected = model(ids)
    Layer.attend = in_blocks
    apart("blocks and all pairs", blocks, expected)
    teller = Teller(model, 1, POSITIONS)  # tells one text a row
    steps = [teller.step(ids[:1, t], t) for t in range(POSITIONS)]
    apart("position by position", torch.stack(steps, 1), expected[:1])


def check_file(model, path):
    """What is written as F16 is read as it was, to the bit."""
    with tempfile.TemporaryDirectory() as folder:
        pieces, out = str(Path(folder) / "tok.model"), str(Path(folder) / "again.gguf")
        tokenizer.extract(path, pieces)
        # The distance of a norm's weight from 1 is stored with the 1, which rounds it.
        saved = {name: (1 + value) - 1 if value.ndim == 1 else value.half().float()
                 for name, value in model.state_dict().items()}
        gguf_file.write(dict(model=saved, shape=asdict(model.shape)), pieces, out, "f16")
        again = gguf_file.read(out)
        assert again.shape == model.shape
        for name, value in again.state_dict().items():
            assert torch.equal(value, saved[name]), name
    print(f"file: {len(saved)} tensors come back")


def check_clock():
    """A part ends by its steps or by the clock, also one that begins too late."""
    now = time.time()
    assert 0.49 < Plan(10, 0.3, 1.0, now + 1000, begin=now, done=5).progress() < 0.51
    assert 0.49 < Plan(10, 0.3, 1.0, now + 1000, begin=now - 1000, done=1).progress() < 0.51
    assert Plan(10, 0.3, 1.0, now - 5, begin=now).progress() == 1
    print("clock: ends every part")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--gguf", required=True)
    args = parser.parse_args()
    torch.manual_seed(1)
    model = gguf_file.read(args.gguf).eval()
    check_attention(model)
    check_file(model, args.gguf)
    check_clock()


if __name__ == "__main__":
    main()
