"""Training rows: texts of every kind in fixed shares of the tokens, packed whole into rows.

A row is T + 1 ids, a loss weight for each, and whether it belongs to a story (where a teacher has
more to say than the text). Texts start with <bos>; the model does not look from one into the next.
Everything is drawn from seeds, and state() / restore() carry a stopped run on.
"""
import json
import lzma
import random
from pathlib import Path

import numpy as np

from skills import Skills
from stories import Stories, wrapped
from tokenizer import BOS, EOS, PAD

HELD_OUT = 200  # stories of tinystories_subset that training never sees

# Shares of the tokens. `steady` is most of the run, `late` its end: chats in our own words with the
# loss on what the model says, and random pieces said twice, without which the heads that copy by
# looking for the same piece (induction) lose their hold. A teacher's student has a mixture of its
# own for both; `told` are its teacher's stories (tell.py).
SHARES = {
    "steady": dict(tiny=42, books=6, fairy=3, small_talk=2, one_line=0.5, skills=33, grammar=11,
                   echo=1.5, pieces=1),
    "late": dict(tiny=44, books=3, one_line=0.5, skills=41, grammar=9, echo=1.5, pieces=1),
    "student": dict(tiny=14, told=32, books=3, fairy=2, small_talk=2, one_line=0.5, skills=34,
                    grammar=9, echo=2, pieces=1.5),
    "student_late": dict(tiny=12, told=32, books=2, one_line=0.5, skills=41, grammar=8, echo=3,
                         pieces=1.5),
}
STORIES = ("tiny", "books", "told")
ASKED_WEIGHT = 0.2  # loss weight of what the user says, except before stories
WAITING = 48        # texts to choose from when a row is packed


def load(data, name):
    with lzma.open(Path(data) / f"{name}.jsonl.xz", "rt") as lines:
        return [json.loads(line) for line in lines]


def split_stories(data):
    """TinyStories records: for training, held out."""
    records = load(data, "tinystories_subset")
    random.Random(7).shuffle(records)
    return records[HELD_OUT:], records[:HELD_OUT]


def held_out_chats(data):
    """The held-out stories as [(ask, say)]."""
    source = random.Random(7)
    return [wrapped(record, source) for record in split_stories(data)[1]]


def dialogue_turns(record):
    """[(ask, say)] of a record of user and model turns in alternation."""
    texts = [t["text"] for t in record["turns"]]
    return list(zip(texts[::2], texts[1::2]))


def small_talk(data):
    """Dialogues in simple words: at most one in twenty outside of a small vocabulary."""
    return [r for r in load(data, "self_dialogue") if r.get("oov", 0) <= 0.05]


def tokenizer_text(data, seed=3):
    """What the tokenizer learns from: every kind of chat, with `user` and `model` on lines of
    their own."""
    source, skills, stories = random.Random(seed), Skills(seed), Stories(seed)
    chats = [wrapped(r, source) for r in split_stories(data)[0]]
    chats += [[(t.ask, t.say) for t in skills.dialogue()[0]] for _ in range(12000)]
    chats += [stories.story() for _ in range(6000)]
    for name in ("storybooks_african", "storybooks_pratham"):
        chats += [wrapped(r, source) for r in load(data, name)]
    talk = small_talk(data)
    talk += load(data, "fairytaleqa_qa")[:1500] + load(data, "chatterbot_english")
    chats += [dialogue_turns(r) for r in talk]
    return ["".join(f"user\n{a}\nmodel\n{s}\n" for a, s in chat) for chat in chats]


class Pool:
    """Records in a fresh random order on every pass."""

    def __init__(self, records, source):
        self.records, self.source, self.order = records, source, []

    def draw(self):
        if not self.order:
            self.order = list(range(len(self.records)))
            self.source.shuffle(self.order)
        return self.records[self.order.pop()]


class Mixture:
    def __init__(self, data, tokenizer, stage, seed, told=()):
        """`told`: a teacher's stories, [(ids, where the model begins to speak)]."""
        self.tokenizer, self.shares = tokenizer, SHARES[stage]
        self.late = stage.endswith("late")
        self.source = random.Random(seed)
        self.skills, self.stories = Skills(seed + 1), Stories(seed + 2)
        tiny, _ = split_stories(data)
        books = load(data, "storybooks_african") + load(data, "storybooks_pratham")
        self.pools = {name: Pool(records, self.source) for name, records in dict(
            tiny=tiny, books=books, told=told, fairy=load(data, "fairytaleqa_qa"),
            small_talk=small_talk(data), one_line=load(data, "chatterbot_english")).items()}
        self.echoed = Pool(tiny, self.source)
        self.tokens = dict.fromkeys(self.shares, 0)
        self.waiting = []

    # One text of each kind: (ids, loss weights)

    def chat(self, turns, asked_weight):
        ids, weights = [BOS], [0.0]
        asked_weight = 0.0 if self.late else asked_weight
        for ask, say in turns:
            asked = self.tokenizer.turn("user", ask)
            head = self.tokenizer.head("model")
            said = self.tokenizer.turn("model", say)[len(head):]
            ids += asked + head + said
            weights += [asked_weight] * (len(asked) + len(head)) + [1.0] * len(said)
        return ids, weights

    def tiny(self):
        record = self.pools["tiny"].draw()
        if not self.late and self.source.random() < 0.08:
            ids = [BOS, *self.tokenizer.encode(record["text"]), EOS]  # no chat around it
            return ids, [0.0] + [1.0] * (len(ids) - 1)
        return self.chat(wrapped(record, self.source), 1.0)

    def told(self):
        ids, begin = self.pools["told"].draw()
        asked = 0.0 if self.late else 1.0
        return ids, [0.0] + [asked] * (begin - 1) + [1.0] * (len(ids) - begin)

    def books(self):
        return self.chat(wrapped(self.pools["books"].draw(), self.source), 1.0)

    def fairy(self):
        return self.chat(dialogue_turns(self.pools["fairy"].draw()), ASKED_WEIGHT)

    def small_talk(self):
        return self.chat(dialogue_turns(self.pools["small_talk"].draw()), ASKED_WEIGHT)

    def one_line(self):
        return self.chat(dialogue_turns(self.pools["one_line"].draw()), ASKED_WEIGHT)

    def skills_text(self):
        turns, _ = self.skills.dialogue()
        return self.chat([(t.ask, t.say) for t in turns], ASKED_WEIGHT)

    def grammar(self):
        return self.chat(self.stories.story(), ASKED_WEIGHT)

    def echo(self):
        """Repeat a sentence of a real story."""
        sentences = [s for s in self.echoed.draw()["text"].replace("\n", " ").split(". ")
                     if 3 <= len(s.split()) <= 16] or ["The sun was warm"]
        ask = self.source.choice(["Repeat after me: {}", "Say this: {}", "Copy this: {}",
                                  "Please repeat: {}", "Say it back to me: {}"])
        said = [self.source.choice(sentences).strip().rstrip(".") + "." for _ in range(2)]
        return self.chat([(ask.format(s), s) for s in said], 0.0)

    def pieces(self):
        """Random pieces twice: nothing but copying helps, the loss is on the second half."""
        size = self.tokenizer.pieces.vocab_size()
        once = [self.source.randrange(300, size) for _ in range(self.source.randint(6, 40))]
        return [BOS] + once * 2, [0.0] * (len(once) + 1) + [0.5] * len(once)

    # Rows

    def draw(self):
        """A text of the kind that is furthest behind its share: ids, weights, is it a story."""
        kind = min(self.shares, key=lambda k: self.tokens[k] / self.shares[k])
        text = self.skills_text() if kind == "skills" else getattr(self, kind)()
        self.tokens[kind] += len(text[0])
        return (*text, [kind in STORIES] * len(text[0]))

    def row(self, length):
        row = [], [], []
        while True:
            while len(self.waiting) < WAITING:
                self.waiting.append(tuple(part[:length] for part in self.draw()))
            space = length - len(row[0])
            fitting = [t for t in self.waiting if len(t[0]) <= space]
            if not fitting:
                return [part + [none] * space for part, none in zip(row, (PAD, 0.0, False))]
            text = self.waiting[0] if not row[0] and self.waiting[0] in fitting else max(
                fitting, key=lambda t: len(t[0]))
            self.waiting.remove(text)
            row = [before + part for before, part in zip(row, text)]

    def batch(self, rows, length):
        """ids, loss weights and whether it is a story's, each [rows, length + 1]."""
        drawn = zip(*(self.row(length + 1) for _ in range(rows)))
        return [np.array(part, kind)
                for part, kind in zip(drawn, (np.int64, np.float32, np.bool_))]

    # Going on after a stop

    def state(self):
        return dict(source=self.source.getstate(), skills=self.skills.random.getstate(),
                    stories=self.stories.random.getstate(), weights=self.skills.weights,
                    tokens=self.tokens, waiting=self.waiting, echoed=self.echoed.order,
                    orders={name: pool.order for name, pool in self.pools.items()})

    def restore(self, state):
        self.source.setstate(state["source"])
        self.skills.random.setstate(state["skills"])
        self.stories.random.setstate(state["stories"])
        self.skills.weights = dict(state["weights"])
        self.tokens, self.waiting = {**self.tokens, **state["tokens"]}, list(state["waiting"])
        self.echoed.order = list(state["echoed"])
        for name, order in state["orders"].items():
            self.pools[name].order = list(order)
