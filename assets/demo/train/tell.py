"""A model tells stories on request, thousands at a time: more text for a student to learn from."""
import collections
import random
import re
import time

import torch

from gemma import capped, rotary
from stories import wrapped
from tokenizer import PAD

CACHE_BYTES = 36 << 30  # of keys and values; decides how many stories are told at once
LONGEST = 384           # positions of a request and its story
SHORTEST = 40           # pieces of a story worth keeping
TEMPERATURE = 0.9


class Teller:
    """Feeds one position of all rows at a time through the model, with a cache of keys and
    values."""

    def __init__(self, model, rows, length):
        self.model, s = model, model.shape
        device = model.emb.weight.device
        self.cos, self.sin = rotary(torch.arange(length, device=device), s)
        size = (rows, s.kv_heads, length, s.head_size)
        kind = torch.bfloat16 if device.type == "cuda" else torch.float32
        self.keys, self.values = (
            [torch.empty(size, dtype=kind, device=device) for _ in model.layers] for _ in "kv")

    def attend(self, i, x, t):
        layer, keys, values = self.model.layers[i], self.keys[i], self.values[i]
        q, k, v = layer.project(layer.n1(x), self.cos[t:t + 1], self.sin[t:t + 1])
        keys[:, :, t:t + 1], values[:, :, t:t + 1] = k, v
        first = max(0, t + 1 - layer.shape.window) if layer.local else 0
        q = q[..., 0, :].to(keys.dtype)                       # [B, K, G, D]
        scores = q @ keys[:, :, first:t + 1].transpose(-1, -2)
        weights = capped(scores.float(), layer.shape.score_cap).softmax(-1).to(values.dtype)
        heads = weights @ values[:, :, first:t + 1]           # [B, K, G, D]
        return layer.n2(layer.o(heads.flatten(1).unsqueeze(1).to(x.dtype)))

    def step(self, ids, t):
        """Logits [B, vocab] after ids [B] at position t."""
        model = self.model
        x = model.emb(ids)[:, None] * model.shape.width ** 0.5
        for i, layer in enumerate(model.layers):
            x = x + self.attend(i, x, t)
            x = x + layer.mix(x)
        return model.head(x)[:, 0]


@torch.inference_mode()
def answers(model, tokenizer, asked, seed, length=LONGEST):
    """The model's answer to each of the requests (lists of ids); None where it found no end."""
    device = model.emb.weight.device
    source = torch.Generator(device).manual_seed(seed)
    begins = torch.tensor([len(a) for a in asked], device=device)
    ids = torch.full((len(asked), length + 1), PAD, device=device)
    for row, text in enumerate(asked):
        ids[row, :len(text)] = torch.tensor(text, device=device)
    teller, ended = Teller(model, len(asked), length), torch.zeros_like(begins, dtype=torch.bool)
    for t in range(length):
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            logits = teller.step(ids[:, t], t)
        drawn = torch.multinomial((logits / TEMPERATURE).softmax(-1), 1, generator=source)[:, 0]
        ids[:, t + 1] = torch.where(t + 1 < begins, ids[:, t + 1], drawn)
        ended |= (t + 1 >= begins) & (drawn == tokenizer.ends)
        if t % 32 == 31 and bool(ended.all()):
            break
    found = []
    for text, row in zip(asked, ids.tolist()):
        answer = row[len(text):]
        found.append(answer[:answer.index(tokenizer.ends)] if tokenizer.ends in answer else None)
    return found


def worth_keeping(text):
    """No sentence three times, none twice in a row."""
    sentences = [s.strip() for s in re.split(r"[.!?\n]+", text) if len(s.split()) > 3]
    return bool(sentences) and max(collections.Counter(sentences).values()) < 3 and all(
        a != b for a, b in zip(sentences, sentences[1:]))


def told(model, tokenizer, records, count, seed, until):
    """Stories for requests that mix the names and things of `records`, as long as it is not later
    than `until`: [(ids, where the model begins to speak)], and how many were asked for."""
    s, source, kept, total = model.shape, random.Random(seed), [], 0
    at_once = CACHE_BYTES // (4 * s.layers * s.kv_heads * s.head_size * LONGEST)
    while total < count and (not total or time.time() < until):
        asked = []
        for _ in range(min(at_once, count - total)):
            names, things = source.choice(records), source.choice(records)
            [(ask, _)] = wrapped(dict(names=names.get("names", []), things=things.get("things", []),
                                      text=""), source)
            asked.append(tokenizer.asked([], ask))
        total += len(asked)
        for ids, answer in zip(asked, answers(model, tokenizer, asked, source.randrange(2**31))):
            if answer and len(answer) >= SHORTEST and worth_keeping(
                    tokenizer.pieces.decode(answer)):
                kept.append((ids + answer + [tokenizer.ends, tokenizer.line], len(ids)))
    return kept, total
