"""Marks during training: exact match per skill and held-out story loss, from single forward passes.

A greedy answer equals a wording exactly if the model, given that wording, ranks each of its pieces
first; so no answer has to be generated.
"""
import torch
import torch.nn.functional as F

from mixture import held_out_chats
from skills import WEIGHTS, Skills
from tokenizer import PAD

EVAL_SEED = 10**6 + 99


def padded(texts, model):
    """[B, T] of lists of ids, where the model is; T is a multiple of 32."""
    longest = -(-max(map(len, texts)) // 32) * 32
    return torch.tensor([t + [PAD] * (longest - len(t)) for t in texts],
                        device=model.emb.weight.device)


def question(tokenizer, turns):
    """Ids up to the last answer of a skill's turns."""
    return tokenizer.asked([(t.ask, t.say) for t in turns[:-1]], turns[-1].ask)


@torch.no_grad()
def exact_match(model, tokenizer, per_skill, names=tuple(WEIGHTS)):
    """Share of right answers by skill."""
    found = {}
    for name in names:
        skills = Skills(f"{EVAL_SEED} {name}", "eval")
        texts = []  # (item, ids, where the answer begins)
        for item in range(per_skill):
            turns = getattr(skills, name)()
            before = question(tokenizer, turns)
            for wording in turns[-1].right:
                after = tokenizer.encode(wording) + [tokenizer.ends]
                texts.append((item, before + after, len(before)))
        texts.sort(key=lambda text: len(text[1]))
        good = set()
        for start in range(0, len(texts), 32):
            part = texts[start:start + 32]
            best = model(padded([ids for _, ids, _ in part], model)).argmax(-1).cpu()
            for row, (item, ids, begin) in enumerate(part):
                if best[row, begin - 1:len(ids) - 1].tolist() == ids[begin:]:
                    good.add(item)
        found[name] = len(good) / per_skill
    return found


def by_need(weights, marks):
    """How often each skill is drawn from now on: the more often, the worse its mark."""
    return {name: 0.5 * weights[name] + 0.5 * base * (0.4 + 3.0 * (1.0 - marks[name]))
            for name, base in WEIGHTS.items()}


@torch.no_grad()
def story_losses(model, tokenizer, data, part=slice(None), context=512):
    """Held-out stories told as chats: [(position, nats, is it the story's, pieces of its
    text)] of every piece."""
    found = []
    chats = sorted(((tokenizer.asked([], ask), tokenizer.encode(say))
                    for [(ask, say)] in held_out_chats(data)[part]),
                   key=lambda c: -len(c[0] + c[1]))
    for start in range(0, len(chats), 8):
        batch = [((b + s + [tokenizer.ends])[:context + 1], len(b)) for b, s in
                 chats[start:start + 8]]
        ids = padded([text for text, _ in batch], model)
        logits = model(ids[:, :-1])
        nats = F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), reduction="none")
        nats = nats.view(len(batch), -1).cpu()
        for row, (text, begin) in enumerate(batch):
            found += [(i, float(nats[row, i]), i + 1 >= begin, len(text))
                      for i in range(len(text) - 1)]
    return found


def mean(values):
    values = list(values)
    return sum(values) / len(values)


def summary(losses):
    """Nats a piece: over the stories, and over the chats with the requests."""
    return mean(n for _, n, told, _ in losses if told), mean(n for _, n, *_ in losses)
