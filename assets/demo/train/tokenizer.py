#!/usr/bin/env python3
"""The tokenizer: SentencePiece BPE like Gemma's, 4,096 pieces.

    tokenizer.py learn --data DATA --out tok.model            a new one, from the training text
    tokenizer.py extract --gguf ../lapidary-demo.gguf --out tok.model   the shipped one

Weights fit only the tokenizer they were trained with: to go on from shipped weights, extract.
"""
import argparse
import io
from pathlib import Path

import sentencepiece

PAD, EOS, BOS, UNKNOWN = 0, 1, 2, 3
TURN_STARTS, TURN_ENDS = "<start_of_turn>", "<end_of_turn>"
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}{{ '<start_of_turn>' + ('model' if m['role'] == "
    "'assistant' else m['role']) + '\n' + m['content'] | trim + '<end_of_turn>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}")


class Tokenizer:
    def __init__(self, path):
        self.pieces = sentencepiece.SentencePieceProcessor(model_file=str(path))
        self.starts = self.pieces.piece_to_id(TURN_STARTS)
        self.ends = self.pieces.piece_to_id(TURN_ENDS)
        self.line = self.pieces.piece_to_id("\n")

    def encode(self, text):
        return self.pieces.encode(text)

    def head(self, role):
        return [self.starts, *self.encode(role), self.line]

    def turn(self, role, text):
        return self.head(role) + self.encode(text) + [self.ends, self.line]

    def asked(self, turns, question):
        """Ids of a chat [(ask, say)..] and one more question, up to where the model answers."""
        ids = [BOS]
        for ask, say in turns:
            ids += self.turn("user", ask) + self.turn("model", say)
        return ids + self.turn("user", question) + self.head("model")


def learn(text, out):
    """Learns the pieces from the lines of the texts; text in chat form makes `user` and `model`
    pieces of their own, as in Gemma."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=(line for t in text for line in t.split("\n") if line),
        model_writer=model, vocab_size=4096, model_type="bpe", byte_fallback=True,
        split_digits=True, add_dummy_prefix=False, remove_extra_whitespaces=False,
        normalization_rule_name="identity", character_coverage=1.0, minloglevel=2,
        pad_id=PAD, eos_id=EOS, bos_id=BOS, unk_id=UNKNOWN, pad_piece="<pad>",
        eos_piece="<eos>", bos_piece="<bos>", unk_piece="<unk>",
        control_symbols=[TURN_STARTS, TURN_ENDS],
        user_defined_symbols=["\n", "\n\n"] + [f"<unused{i}>" for i in range(8)])
    Path(out).write_bytes(model.getvalue())


def extract(gguf_file, out):
    """Rebuilds a SentencePiece model from the pieces, scores and kinds of a GGUF."""
    import gguf
    from sentencepiece import sentencepiece_model_pb2 as pb
    reader = gguf.GGUFReader(gguf_file)

    def values(key):
        field = reader.fields["tokenizer.ggml." + key]
        return [field.parts[i] for i in field.data]

    model = pb.ModelProto()
    for piece, score, kind in zip(values("tokens"), values("scores"), values("token_type")):
        text = bytes(piece).decode()
        # In a GGUF special pieces the user may write are of the kind 4, which is the same number.
        model.pieces.add(piece=text, score=float(score[0]), type=int(kind[0]))
    spec, norm = model.trainer_spec, model.normalizer_spec
    spec.model_type, spec.byte_fallback, spec.split_digits = pb.TrainerSpec.BPE, True, True
    spec.vocab_size = len(model.pieces)
    spec.pad_id, spec.eos_id, spec.bos_id, spec.unk_id = PAD, EOS, BOS, UNKNOWN
    spec.pad_piece, spec.eos_piece, spec.bos_piece = "<pad>", "<eos>", "<bos>"
    norm.name, norm.add_dummy_prefix, norm.remove_extra_whitespaces = "identity", False, False
    Path(out).write_bytes(model.SerializeToString())


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    commands = parser.add_subparsers(dest="command", required=True)
    new = commands.add_parser("learn")
    new.add_argument("--data", required=True, help="folder of the training text")
    old = commands.add_parser("extract")
    old.add_argument("--gguf", required=True)
    for command in (new, old):
        command.add_argument("--out", required=True)
    args = parser.parse_args()
    if args.command == "learn":
        from mixture import tokenizer_text
        learn(tokenizer_text(args.data), args.out)
    else:
        extract(args.gguf, args.out)


if __name__ == "__main__":
    main()
