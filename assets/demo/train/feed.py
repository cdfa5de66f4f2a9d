"""Training rows made by several processes ahead of the one that trains.

Request i goes to process i % n, with the stage and the weights of the skills that hold at that
time: the same requests give the same rows, whoever is faster.
"""
import multiprocessing

import numpy as np

from mixture import Mixture
from skills import WEIGHTS
from tokenizer import Tokenizer

AHEAD = 3  # requests waiting at each process


def load_told(path):
    """A teacher's stories: [(ids, where the model begins to speak)]."""
    with np.load(path) as file:
        texts = np.split(file["ids"], np.cumsum(file["lengths"])[:-1])
        return [(ids.tolist(), int(begin)) for ids, begin in zip(texts, file["begins"])]


def save_told(path, texts):
    np.savez(path, ids=np.concatenate([np.array(ids, np.uint16) for ids, _ in texts]),
             lengths=[len(ids) for ids, _ in texts], begins=[begin for _, begin in texts])


def work(pipe, data, tokenizer, stages, seed, told, rows, length):
    told = load_told(told) if told else ()
    mixtures = {stage: Mixture(data, Tokenizer(tokenizer), stage, seed + 10 * i, told)
                for i, stage in enumerate(stages)}
    while True:
        stage, weights = pipe.recv()
        mixtures[stage].skills.weights = weights
        ids, loss_weights, stories = mixtures[stage].batch(rows, length)
        pipe.send((ids.astype(np.int32), loss_weights, stories))


class Feed:
    def __init__(self, args, stages, seed, told=None):
        """`told`: file of a teacher's stories."""
        context = multiprocessing.get_context("spawn")
        self.stage, self.weights, self.count = stages[0], dict(WEIGHTS), 0
        self.pipes, self.processes = [], []
        for rank in range(args.feeders):
            ours, theirs = context.Pipe()
            self.pipes.append(ours)
            self.processes.append(context.Process(
                target=work, daemon=True, args=(
                    theirs, args.data, args.tokenizer, stages, seed + 1000 * rank, told,
                    args.rows, args.length)))
            self.processes[-1].start()
        for _ in range(AHEAD):
            for pipe in self.pipes:
                pipe.send((self.stage, self.weights))

    def batch(self):
        """As Mixture.batch, drawn AHEAD requests a process ago."""
        pipe = self.pipes[self.count % len(self.pipes)]
        self.count += 1
        found = pipe.recv()
        pipe.send((self.stage, self.weights))
        return found

    def stop(self):
        for process in self.processes:
            process.terminate()
