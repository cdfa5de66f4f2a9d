#!/usr/bin/env python3
"""What the training scripts refuse before they compute or write anything (assets/demo/train)."""
import argparse
import pickle
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "assets/demo/train"))
import inputs  # noqa: E402


class Inputs(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        for name in inputs.TEXTS:
            (self.folder / f"{name}.jsonl.xz").touch()
        for name in ("tok.model", "begin.gguf"):
            (self.folder / name).touch()
        self.args = argparse.Namespace(
            data=str(self.folder), tokenizer=str(self.folder / "tok.model"), resume=None,
            weights=None, out=str(self.folder / "run"), workers=2, rows=12, length=384,
            per_skill=24, mark_every=200)

    def refused(self, *words):
        with self.assertRaises(SystemExit) as found:
            inputs.check_training(self.args)
        for word in words:
            self.assertIn(word, found.exception.code)

    def test_what_is_right_passes(self):
        inputs.check_training(self.args)

    def test_a_new_run_writes_over_no_other(self):
        kept = self.folder / "run" / inputs.CHECKPOINT
        kept.parent.mkdir()
        kept.touch()
        self.refused(str(kept), f"--resume {kept}")
        self.args.resume = str(kept)
        inputs.check_training(self.args)

    def test_carrying_on_goes_before_the_first_weights(self):
        self.args.weights = str(self.folder / "begin.gguf")
        self.assertEqual(inputs.beginning(self.args), self.args.weights)
        self.args.resume = "run/last.pt"
        self.assertEqual(inputs.beginning(self.args), "run/last.pt")

    def test_what_is_missing_is_named(self):
        (self.folder / "self_dialogue.jsonl.xz").unlink()
        self.refused(str(self.folder), "self_dialogue.jsonl.xz")
        (self.folder / "self_dialogue.jsonl.xz").touch()
        for option in ("tokenizer", "resume", "weights"):
            before = getattr(self.args, option)
            setattr(self.args, option, "/nowhere/x")
            self.refused("--" + option, "/nowhere/x")
            setattr(self.args, option, before)

    def test_a_checkpoint_that_is_none_is_named(self):
        def load(path):
            with open(path, "rb") as file:
                return pickle.load(file)

        path = self.folder / "x.pt"
        for saved, words in ((b"# text", "no checkpoint"), (b"", "no checkpoint"),
                             (pickle.dumps([1]), "no model, adam"),
                             (pickle.dumps(dict(model=1)), "no adam\n  To carry on")):
            path.write_bytes(saved)
            with self.assertRaises(SystemExit) as found:
                inputs.checkpoint(str(path), load, "model", "adam")
            self.assertIn(f"{path} ", found.exception.code)
            self.assertIn(words, found.exception.code)
        path.write_bytes(pickle.dumps(dict(model=1, adam=2)))
        self.assertEqual(inputs.checkpoint(str(path), load, "model", "adam")["adam"], 2)

    def test_a_run_that_would_do_nothing_is_refused(self):
        self.args.workers = 0
        self.refused("--workers is 0")
        self.args.workers, self.args.rows = 3, 2
        self.refused("--rows is 2", "at least 3")

    def test_names_that_do_not_exist_are_named(self):
        with self.assertRaises(SystemExit) as found:
            inputs.check_names("--only", ["sums", "nope"], ["sums", "gave"])
        self.assertIn("'nope'", found.exception.code)
        self.assertNotIn("'sums'", found.exception.code)
        self.assertIn("There are sums, gave.", found.exception.code)


if __name__ == "__main__":
    unittest.main()
