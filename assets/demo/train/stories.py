#!/usr/bin/env python3
"""Endless short stories from a grammar, each with a request built from its cast and up to two
questions about it whose answers are known. The material is in plots.py.

    stories.py --count 3 --show
    stories.py --count 1000 > stories.jsonl
"""
import argparse
import json
import random

import plots as P
from words import ANY_STORY, GIRLS, NAMES, STORY_REQUESTS, sentence, with_article

PRONOUNS = {"girl": ("she", "her", "her"), "boy": ("he", "him", "his")}


class Stories:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def one(self, items):
        return self.random.choice(list(items))

    def someone(self, taken=""):
        """Name, what they are (boy, girl or an animal) and pronouns."""
        while True:
            if self.random.random() < 0.6:
                name = self.one(NAMES)
                kind = "girl" if name in GIRLS else "boy"
                pronouns = PRONOUNS[kind]
            else:
                name, kind = self.one(P.ANIMAL_NAMES), self.one(P.ANIMALS)
                pronouns = self.one(PRONOUNS.values())
            if name != taken:
                return name, kind, pronouns

    def cast(self, plot):
        """The fields of one story."""
        hero, hero_kind, (he, him, his) = self.someone()
        friend, kind, (fe, fm, fs) = self.someone(hero)
        if plot == "rescue":
            kind = self.one(a for a in P.ANIMALS if a not in (hero_kind, kind))
        toy, place, grown = self.one(P.TOYS), self.one(P.PLACES), self.one(P.GROWN)
        hidden = self.one(P.HIDDEN)
        fields = dict(
            H=hero, hk=hero_kind, he=he, him=him, his=his, He=he.capitalize(),
            His=his.capitalize(), F=friend, fk=kind, a_fk=with_article(kind), fe=fe, fm=fm,
            fs=fs, Fe=fe.capitalize(), toy=toy, toy_is=P.TOYS[toy], place=place,
            at=P.PLACES[place], near=f" near the {place}" if place in P.NEAR else "",
            colour=self.one(P.COLOURS), treasure=self.one(P.TREASURES), food=self.one(P.FOODS),
            grown=grown, Grown=grown.capitalize(), hidden=hidden, glad=self.one(P.GLAD),
            elsewhere=self.one(h for h in P.HIDDEN if h != hidden),
            a_hero=with_article(f"{self.one(P.KINDS)} {hero_kind}"))
        fields["a_food"] = with_article(fields["food"])
        self.add_plot_fields(plot, fields)
        return fields

    def add_plot_fields(self, plot, fields):
        if plot == "afraid":
            fields["fear"] = self.one(P.FEARS)
            fields["fear_seen"], fields["aid"] = P.FEARS[fields["fear"]]
        elif plot == "learn":
            fields["art"] = self.one(P.ARTS)
            fields["failed"], fields["did"] = P.ARTS[fields["art"]]
        elif plot == "make":
            fields["work"] = self.one(P.WORKS)
        elif plot == "night":
            awake, because = self.one(P.AWAKE)
            fields["awake"] = awake.format_map(fields)
            fields["because"] = because.format_map(fields)
        elif plot == "rescue":
            footless = fields["fk"] in ("bee", "bird", "owl")
            trouble = self.one(t for t in P.TROUBLES if not (footless and "foot" in t))
            fields["trouble"] = trouble.format_map(fields)
            fields["way_out"] = P.TROUBLES[trouble].format_map(fields)

    def ending(self, plot, lessons):
        lines = [self.one(lessons)] if lessons and self.random.random() < 0.7 else []
        lines.append(self.one(P.NIGHT_ENDS if plot == "night" else [P.FRIENDS, *P.ENDS]))
        return " ".join(lines)

    def request(self, plot, fields):
        if self.random.random() < 0.1:
            return self.one(ANY_STORY)
        who = ["{H}", "{H} and {F}", "{a_hk} named {H}", "{H} the {hk}"]
        who = self.one(w for w in who if plot != "night" or "{F}" not in w)
        thing = P.THING.get(plot)
        forms = ["{who}"] + (["{who} and {thing}", "{thing}"] if thing else [])
        asked = self.one(forms).format(who=who, thing=thing and "{a_thing}")
        asked = asked.format_map({**fields, "a_hk": with_article(fields["hk"]),
                                  "a_thing": with_article(fields[thing]) if thing else ""})
        return self.one(STORY_REQUESTS).format(asked)

    def story(self):
        """Turns (ask, say): the story, then questions about it."""
        plot = self.one(P.PLOTS)
        lines, lessons, questions = P.PLOTS[plot]
        fields = self.cast(plot)
        opening = [self.one(P.INTRO), self.one(P.HABIT)]
        if self.random.random() < 0.4 and plot not in ("night", "afraid"):
            opening.append(self.one(P.WEATHER))
        told = [self.one(line) for line in lines] + [self.ending(plot, lessons)]
        cut = self.random.randint(1, len(told) - 1)
        gap = self.one(["\n", "\n", " "])
        text = gap.join(" ".join(x for x in part if x)
                        for part in (opening, told[:cut], told[cut:])).format_map(fields)
        turns = [(self.request(plot, fields), text)]
        asked = min(len(questions), self.one([0, 0, 1, 1, 2, 2]))
        for ask, say in self.random.sample(questions, asked):
            turns.append((ask.format_map(fields), sentence(say.format_map(fields))))
        return turns


def wrapped(record, source):
    """A story of a data set as turns: the request names some of its people and things."""
    things = [with_article(w) for w in record.get("things", [])]
    names = record.get("names", [])
    parts = (names[:source.choice([1, 1, 2])] + things[:source.choice([0, 1, 1, 2])]
             or names[:1] or things[:1])
    if parts and source.random() < 0.9:
        ask = source.choice(STORY_REQUESTS).format(" and ".join(parts))
    else:
        ask = source.choice(ANY_STORY)
    return [(ask, record["text"])]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", action="store_true", help="as a chat instead of JSON lines")
    args = parser.parse_args()
    stories = Stories(args.seed)
    for _ in range(args.count):
        turns = stories.story()
        if args.show:
            print("\n".join(f"> {ask}\n{say}" for ask, say in turns), end="\n\n")
        else:
            print(json.dumps({"turns": turns}))


if __name__ == "__main__":
    main()
