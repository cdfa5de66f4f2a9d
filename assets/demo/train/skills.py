#!/usr/bin/env python3
"""Short teaching dialogues whose answers are computed: one method a skill.

    skills.py --count 5 --show              print a few as a chat
    skills.py --count 1000 > dialogues.jsonl
    skills.py --count 1000 --split eval     questions that training never asks

A skill returns turns; each knows every right wording of its answer, so the same code makes training
text and marks answers. Names to remember, pairs of names (gave, ioi) and sums are divided: one in
ten belongs to the split `eval` alone. The other skills draw from so many combinations that a
question of the test hardly ever occurred in training, or (facts) ask what training asked.
"""
import argparse
import json
import random
import zlib
from dataclasses import dataclass

from words import (ABOUT, BOT, CAN, COLOURS, DAYS, FEELINGS, HARD, LANDS, LIKES, MONTHS, NAMES,
                   NUMBERS, OBJECTS, OPPOSITES, ORDINALS, PAINTS, PLACES, SOUNDS, SYLLABLES,
                   UNKNOWN, WHO, YOUNG, sentence, with_article)

WEIGHTS = dict(greet=5, howareyou=2, name=7, who=4, can=2, about=5, unknown=4, feel=2, thanks=1,
               bye=1, repeat=20, pattern=9, colour=3, ctx_colour=8, likes=24, gave=9, ioi=6,
               where=9, chain=3, pick=6, inlist=9, count=5, sums=14, bigger=3, opposite=4, days=4,
               animal=3, remember=6)
FILLERS = "howareyou colour count sums opposite days animal feel thanks".split()


@dataclass
class Turn:
    ask: str
    say: str
    right: tuple  # every right wording, `say` among them


def turn(ask, say, others=()):
    return Turn(ask, say, tuple(dict.fromkeys((say, *others))))


class Skills:
    def __init__(self, seed, split="train"):
        self.random = random.Random(seed)
        self.split = split
        self.weights = dict(WEIGHTS)

    # Drawing

    def one(self, items):
        return self.random.choice(items)

    def some(self, items, n):
        return self.random.sample(list(items), n)

    def often(self, share):
        return self.random.random() < share

    def between(self, low, high):
        return self.random.randint(low, high)

    def divided(self, draw):
        """Draws until the combination belongs to this split."""
        while True:
            found = draw()
            held = zlib.crc32("|".join(map(str, found)).encode()) % 10 == 0
            if held == (self.split == "eval"):
                return found

    def made_up(self, low, high):
        return "".join(self.some(SYLLABLES, self.between(low, high)))

    def wording(self, ask, right):
        """A turn whose answer may be worded in any of the ways `right`."""
        return turn(ask, self.one(right), right)

    def follow(self, context, questions, most):
        """One context with up to `most` of the (ask, right wordings): the first question comes with
        the context, the others as turns of their own. The test asks one."""
        n = 1 if self.split == "eval" else self.between(1, min(most, len(questions)))
        turns = [self.wording(ask, right) for ask, right in self.some(questions, n)]
        turns[0].ask = f"{context} {turns[0].ask}"
        return turns

    # Small talk

    def greet(self):
        hi = self.one(["Hi!", "Hello!", "Hey!", "Hello there!", "Good morning!", "Good evening!",
                       "Hi there."])
        back = ["Hello!", "Hi!", "Hello! Nice to meet you."]
        if hi not in ("Hey!", *back):
            back.append(hi)
        tails = ["", " How are you?", " What can I do for you?", " Do you want to hear a story?"]
        right = [b + t for b in back for t in tails]
        if back[-1] == hi and self.often(0.25):
            return [turn(hi, hi + self.one(tails), right)]
        return [self.wording(hi, right)]

    def howareyou(self):
        return [self.wording(
            self.one(["How are you?", "How are you today?", "How do you do?", "Are you well?"]),
            ["I am fine, thank you! How are you?", "I am well. I like to talk with you.",
             "Very well, thank you.", "I am good! What shall we do?"])]

    def feel(self):
        mood = self.one(list(FEELINGS))
        ask = self.one(["I am {}.", "I feel {}.", "I am so {} today.", "I am a bit {}."])
        return [turn(ask.format(mood), FEELINGS[mood])]

    def bye(self):
        return [self.wording(
            self.one(["Bye!", "Goodbye!", "See you later!", "Thank you, bye!",
                      "I have to go now."]),
            ["Goodbye!", "Bye! Come back soon.", "See you soon!",
             "Goodbye! It was nice to talk with you."])]

    def thanks(self):
        return [self.wording(self.one(["Thank you!", "Thanks!", "Thank you very much."]),
                             ["You are welcome!", "You are welcome.", "I am glad to help."])]

    def who(self):
        return [self.wording(
            self.one(["Who are you?", "What is your name?", "What are you?", "Tell me about you.",
                      "Are you a person?", "Are you a robot?"]), WHO)]

    def can(self):
        return [self.wording(
            self.one(["What can you do?", "Can you help me?", "What do you know?",
                      "What can I ask you?", "Help!"]), CAN)]

    def about(self):
        asks, answer = self.one(ABOUT)
        return [turn(self.one(asks), answer)]

    def unknown(self):
        return [self.wording(self.one(HARD).format(place=self.one(LANDS)), UNKNOWN)]

    # Recall over a distance

    def filler(self):
        return getattr(self, self.one(FILLERS))()

    def name(self):
        known = self.often(0.5)
        name = self.divided(lambda: (
            self.one(NAMES) if known else self.made_up(2, 3).capitalize(), "me"))[0]
        ask = self.one(["My name is {}.", "I am {}.", "Hi, I am {}.", "Hello! My name is {}.",
                        "You can call me {}."])
        turns = [self.wording(ask.format(name), [
            f"Hello, {name}!", f"Nice to meet you, {name}!", f"Hi, {name}! What shall we do?",
            f"Hello, {name}! I am {BOT}."])]
        for _ in range(self.one([0, 0, 1, 1, 2])):
            turns += self.filler()
        return turns + [self.wording(
            self.one(["What is my name?", "Do you know my name?", "Who am I?",
                      "Can you say my name?"]),
            [f"Your name is {name}.", f"You are {name}.", f"Your name is {name}!"])]

    def remember(self):
        word = self.one(OBJECTS) if self.often(0.5) else self.made_up(2, 3)
        ask = self.one(["The secret word is {}.", "Remember this word: {}.", "My word is {}."])
        turns = [self.wording(ask.format(word), ["All right. I will remember it.",
                                                 f"I will remember {word}."])]
        for _ in range(self.between(0, 3)):
            turns += self.filler()
        return turns + [self.wording(
            self.one(["What is the secret word?", "What was my word?",
                      "Which word did I tell you?"]),
            [f"The word is {word}.", f"Your word was {word}."])]

    # Copying

    def copied_text(self):
        form = self.random.random()
        if form < 0.22:
            return " ".join(self.some(OBJECTS + PAINTS + PLACES, self.between(1, 6)))
        if form < 0.3:
            return ", ".join(self.some(OBJECTS + PAINTS + PLACES, self.between(2, 5))) + "."
        if form < 0.65:
            return " ".join(self.made_up(2, 3) for _ in range(self.between(1, 5)))
        if form < 0.75:
            mixed = self.some(NAMES + OBJECTS + LIKES + PLACES, self.between(2, 5))
            mixed.insert(self.between(0, len(mixed)), self.made_up(1, 3))
            return " ".join(mixed)
        a, b = self.some(NAMES, 2)
        x, y = self.some(OBJECTS, 2)
        paint, place = self.one(PAINTS), self.one(PLACES)
        return self.one([
            f"{a} and {b} see a {paint} {x}.", f"{a} has no {x} but {b} has a {y}.",
            f"{a} gave {b} the {paint} {x}.", f"The {x} is in the {place}.",
            f"{a} took the {paint} {x} to the {place}.", f"I saw {a} with a {x} and a {y}."])

    def repeat(self):
        text, form = self.copied_text(), self.random.random()
        if form < 0.7:
            ask = self.one(["Repeat after me: {}", "Say this: {}", "Please repeat: {}",
                            "Say it back to me: {}", "Copy this: {}", "Say these words again: {}"])
            return [turn(ask.format(text), text)]
        if form < 0.85:
            ask = self.one(["Say this two times: {}", "Say it twice: {}"])
            return [turn(ask.format(text), f"{text} {text}")]
        words = text.replace(",", "").strip(".").split()
        ask = self.one(["Say this backwards: {}", "Turn these words around: {}"])
        return [turn(ask.format(" ".join(words)), " ".join(reversed(words)))]

    def pattern(self):
        n = self.between(2, 3)
        unit = (self.some(PAINTS + OBJECTS, n) if self.often(0.7)
                else [self.made_up(2, 2) for _ in range(n)])
        length = self.between(2 * n, 3 * n + 1)
        shown = " ".join(unit[i % n] for i in range(length))
        ask = self.one(["What comes next: {}", "What is the next word: {}", "Go on: {}"])
        return [turn(ask.format(shown), unit[length % n])]

    # Looking up in the text

    def ctx_colour(self):
        n = self.between(2, 4)
        things, paints = self.some(OBJECTS, n), self.some(PAINTS, n)
        context = " ".join(f"The {t} is {p}." for t, p in zip(things, paints))
        questions = [(f"What colour is the {t}?", [f"The {t} is {p}."])
                     for t, p in zip(things, paints)]
        return self.follow(context, questions, 3)

    def likes(self):
        """Finding the one before is harder to learn than the one behind: it is practised more."""
        train = self.split == "train"
        n = self.between(1 if train else 2, 5)
        names, liked = self.some(NAMES, n), self.some(LIKES, n)
        context = " ".join(f"{a} likes {b}." for a, b in zip(names, liked))
        questions = []
        for a, b in zip(names, liked):
            who = f"Who likes {b}?"
            ask = self.one([f"What does {a} like?", f"Tell me what {a} likes.", who]
                           + [who] * (3 if train else 0))
            questions.append((ask, [f"{a} likes {b}."]))
        return self.follow(context, questions, 4)

    def gave(self):
        a, b = self.divided(lambda: tuple(self.some(NAMES, 2)))
        thing, place, pair = self.one(OBJECTS), self.one(PLACES), self.some([a, b], 2)
        met = self.one(["{} and {} went to the {}.", "{} and {} were in the {}.",
                        "{} met {} at the {}."])
        gift = self.one([f"{a} gave the {thing} to {b}.", f"{a} gave {b} {with_article(thing)}.",
                         f"{a} handed the {thing} to {b}."])
        where = "in" if " in the " in met else "at"
        questions = [("Who gave the {x}?", "{a} gave the {x} to {b}."),
                     ("Who has the {x} now?", "{b} has the {x} now."),
                     ("Who got the {x}?", "{b} got the {x}."),
                     ("What did {a} give to {b}?", "{a} gave {b} the {x}."),
                     ("To whom did {a} give the {x}?", "To {b}."),
                     ("Where were they?", f"They were {where} the {place}.")]
        questions = [(q.format(a=a, b=b, x=thing), [s.format(a=a, b=b, x=thing)])
                     for q, s in questions]
        return self.follow(f"{met.format(*pair, place)} {gift}", questions, 3)

    def ioi(self):
        a, b = self.divided(lambda: tuple(self.some(NAMES, 2)))
        first, second = self.some([a, b], 2)
        thing, place = self.one(OBJECTS), self.one(PLACES)
        ask = self.one(["Finish this:", "Go on:", "Finish the sentence:"])
        return [turn(f"{ask} When {first} and {second} went to the {place}, {a} gave "
                     f"{with_article(thing)} to", f"{b}.")]

    def where(self):
        names, places, moves = self.some(NAMES, self.between(2, 3)), {}, []
        for _ in range(self.between(2, 5)):
            name = self.one(names)
            verbs = ["went to", "ran to", "came to", "walked to" if name in places else "is in"]
            places[name] = self.one([p for p in PLACES if p != places.get(name)])
            moves.append(f"{name} {self.one(verbs)} the {places[name]}.")
        questions = [(f"Where is {n}?", [f"{n} is in the {p}."]) for n, p in places.items()]
        return self.follow(" ".join(moves), questions, 3)

    def chain(self):
        a, b, c = self.some(NAMES, 3)
        x = self.one(OBJECTS)
        return [turn(f"{a} had the {x}. {a} gave the {x} to {b}. {b} gave the {x} to {c}. "
                     f"Who has the {x}?", f"{c} has the {x}.")]

    def pick(self):
        n = self.between(3, 5)
        words = self.some(OBJECTS, n)
        questions = []
        for i, word in enumerate(words):
            which = "last" if i == n - 1 and self.often(0.6) else ORDINALS[i]
            questions.append((f"What is the {which} word?", [f"The {which} word is {word}."]))
        return self.follow(f"Here is a list: {', '.join(words)}.", questions, 3)

    def inlist(self):
        n = self.between(2, 5) if self.split == "eval" else self.between(1, 5)
        have = self.some(OBJECTS, n)
        lack = self.some([x for x in OBJECTS if x not in have], n)
        listed = [with_article(x) for x in have]
        listed = " and ".join([", ".join(listed[:-1]), listed[-1]] if n > 1 else listed)
        questions = []
        for x, y in zip(have, lack):  # yes and no equally often
            x, y = with_article(x), with_article(y)
            questions.append((f"Do I have {x}?", [f"Yes, you have {x}."]) if self.often(0.5)
                             else (f"Do I have {y}?", [f"No, you do not have {y}."]))
        return self.follow(f"I have {listed}.", questions, 4)

    # Facts

    def colour(self):
        thing = self.one(list(COLOURS))
        ask = self.one(["What colour is {}?", "Tell me the colour of {}.", "Which colour is {}?"])
        return [self.wording(ask.format(thing), [f"{sentence(thing)} is {COLOURS[thing]}.",
                                                 f"{sentence(COLOURS[thing])}."])]

    def count(self):
        form, n = self.random.random(), self.between(3, 20)
        written = self.one([str(n), NUMBERS[n]])
        if form < 0.5:
            ask = self.one(["Count to {}.", "Can you count to {}?", "Please count to {}."])
            return [turn(ask.format(written), ", ".join(NUMBERS[1:n + 1]) + ".")]
        if form < 0.7:
            return [turn(f"Count down from {written}.", ", ".join(NUMBERS[n:0:-1]) + ".")]
        if form < 0.85:
            low = self.between(1, 12)
            high = low + self.between(3, 8)
            return [turn(f"Count from {low} to {high}.",
                         ", ".join(map(str, range(low, high + 1))) + ".")]
        n = self.between(1, 19)
        ask = self.one(["What comes after {}?", "Which number is after {}?"])
        return [turn(ask.format(NUMBERS[n]), f"{sentence(NUMBERS[n + 1])}.")]

    def sums(self):
        n = 1 if self.split == "eval" else self.between(1, 3)
        return [self.difference() if self.often(0.5) else self.addition() for _ in range(n)]

    def most(self):
        """Numbers up to ten are asked; bigger ones are practised too, for what they have in common
        with those never seen."""
        return 20 if self.split == "train" and self.often(0.5) else 10

    def addition(self):
        most = self.most()
        a, b = self.divided(lambda: (self.between(0, most), self.between(0, most)))
        name = self.one(NAMES)
        plain = self.one([x for x in OBJECTS if x[-1] not in "sxhfy"])
        return turn(*self.one([
            (f"What is {a} plus {b}?", f"{a} plus {b} is {a + b}."), (f"{a} + {b} =", f"{a + b}"),
            (f"How much is {a} and {b}?", f"{a} and {b} is {a + b}."),
            (f"{name} has {a} {plain}s and gets {b} more. How many {plain}s?",
             f"{name} has {a + b} {plain}s.")]))

    def difference(self):
        most = self.most()
        a, b = self.divided(lambda: tuple(sorted(
            (self.between(0, most), self.between(0, most)), reverse=True)))
        said = f"{a} minus {b} is {a - b}."
        return turn(*self.one([(f"What is {a} minus {b}?", said), (f"{a} - {b} =", f"{a - b}"),
                               (f"Take {b} from {a}.", said)]))

    def bigger(self):
        a, b = self.some(range(31), 2)
        ask = self.one(["Which is bigger, {} or {}?", "What is more, {} or {}?"])
        return [turn(ask.format(a, b), f"{max(a, b)} is bigger.")]

    def opposite(self):
        word = self.one(list(OPPOSITES))
        ask = self.one(["What is the opposite of {}?", "Opposite of {}?",
                        "Say the opposite of {}."])
        return [self.wording(ask.format(word), [f"The opposite of {word} is {OPPOSITES[word]}.",
                                                f"{sentence(OPPOSITES[word])}."])]

    def days(self):
        names, unit, all_of = self.one([(DAYS, "day", "days of the week"),
                                        (MONTHS, "month", "months of the year")])
        i = self.between(0, len(names) - 1)
        this, after = names[i], names[(i + 1) % len(names)]
        following = ((f"Today is {this}. What is tomorrow?", f"Tomorrow is {after}.")
                     if unit == "day" else
                     (f"It is {this}. What is the next month?", f"The next month is {after}."))
        return [turn(*self.one([
            (f"What comes after {this}?", f"{after}."),
            (f"Which {unit} comes before {this}?", f"{names[i - 1]}."),
            (f"Say the {all_of}.", ", ".join(names) + "."), following]))]

    def animal(self):
        if self.often(0.5):
            kind = self.one(list(SOUNDS))
            ask = self.one(["What does {} say?", "Which sound does {} make?"])
            return [turn(ask.format(with_article(kind)),
                         f"{sentence(with_article(kind))} says {SOUNDS[kind]}.")]
        kind = self.one(list(YOUNG))
        ask = self.one(["What is a baby {} called?", "What do we call a baby {}?"])
        return [turn(ask.format(kind), f"A baby {kind} is called {with_article(YOUNG[kind])}.")]

    # Dialogues

    def dialogue(self):
        """Turns of one to five skills, drawn by `weights`, and the skills' names."""
        n = self.random.choices([1, 2, 3, 4, 5], [30, 28, 20, 13, 9])[0]
        names = self.random.choices(list(self.weights), list(self.weights.values()), k=n)
        names.sort(key=lambda name: (name == "bye") - (name == "greet"))
        return [t for name in names for t in getattr(self, name)()], names


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--split", default="train", choices=("train", "eval"))
    parser.add_argument("--show", action="store_true", help="as a chat instead of JSON lines")
    args = parser.parse_args()
    skills = Skills(args.seed, args.split)
    for _ in range(args.count):
        turns, names = skills.dialogue()
        if args.show:
            print("\n".join(f"> {t.ask}\n  {t.say}" for t in turns), end="\n\n")
        else:
            print(json.dumps({"skills": names, "turns": [vars(t) for t in turns]}))


if __name__ == "__main__":
    main()
