#!/usr/bin/env python3
"""Weights as a GGUF of the architecture gemma2, and back.

    gguf_file.py --checkpoint RUN/last.pt --tokenizer tok.model --out demo.gguf [--type q8_0]
"""
import argparse

import gguf
import numpy as np
import sentencepiece
import torch

from gemma import Gemma, Shape
from inputs import check_file, checkpoint, refuse
from tokenizer import BOS, CHAT_TEMPLATE, EOS, PAD, TURN_ENDS, UNKNOWN

ARCHITECTURE = "gemma2"
TYPES = {"f16": gguf.GGMLQuantizationType.F16, "q8_0": gguf.GGMLQuantizationType.Q8_0}
TEMPERATURE = 0.7  # stories drawn at 0.95, what chats with a Gemma 2 take, hold words that are none
NORMS = {"n1": "attn_norm", "n2": "post_attention_norm", "n3": "ffn_norm", "n4": "post_ffw_norm"}
MATRICES = {"q": "attn_q", "k": "attn_k", "v": "attn_v", "o": "attn_output", "gate": "ffn_gate",
            "up": "ffn_up", "down": "ffn_down"}


def names(layers):
    """Ours -> the GGUF's, and whether it is a norm."""
    found = {"emb.weight": ("token_embd.weight", False), "nf.w": ("output_norm.weight", True)}
    for i in range(layers):
        for ours, theirs in NORMS.items():
            found[f"layers.{i}.{ours}.w"] = (f"blk.{i}.{theirs}.weight", True)
        for ours, theirs in MATRICES.items():
            found[f"layers.{i}.{ours}.weight"] = (f"blk.{i}.{theirs}.weight", False)
    return found


def piece_kind(pieces, i):
    """The GGUF's kind of piece: 1 text, 2 unknown, 3 control, 4 user-defined, 6 byte."""
    text = pieces.id_to_piece(i)
    if pieces.is_byte(i):
        return 6
    if pieces.is_control(i):
        return 3
    if pieces.is_unknown(i):
        return 2
    return 4 if text.startswith("<unused") or set(text) == {"\n"} else 1


def put_shape(writer, shape):
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_key_length(shape.head_size)
    writer.add_value_length(shape.head_size)
    writer.add_layer_norm_rms_eps(shape.epsilon)
    writer.add_sliding_window(shape.window)
    writer.add_attn_logit_softcapping(shape.score_cap)
    writer.add_final_logit_softcapping(shape.logit_cap)


def put_tokenizer(writer, path):
    pieces = sentencepiece.SentencePieceProcessor(model_file=path)
    n = pieces.vocab_size()
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([pieces.id_to_piece(i) for i in range(n)])
    writer.add_token_scores([pieces.get_score(i) for i in range(n)])
    writer.add_token_types([piece_kind(pieces, i) for i in range(n)])
    writer.add_bos_token_id(BOS)
    writer.add_eos_token_id(EOS)
    writer.add_eot_token_id(pieces.piece_to_id(TURN_ENDS))
    writer.add_unk_token_id(UNKNOWN)
    writer.add_pad_token_id(PAD)
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)
    writer.add_add_space_prefix(False)
    writer.add_chat_template(CHAT_TEMPLATE)


def write(saved, tokenizer, path, kind):
    shape = Shape(**saved["shape"])
    writer = gguf.GGUFWriter(path, ARCHITECTURE)
    writer.add_name("Lapidary demo")
    millions = sum(v.numel() for v in saved["model"].values()) / 1e6
    writer.add_description(f"A {millions:.1f} M parameter model of Gemma 2's architecture, trained "
                           "from scratch for demonstration")
    writer.add_license("apache-2.0")
    writer.add_float32("general.sampling.temp", TEMPERATURE)
    put_shape(writer, shape)
    put_tokenizer(writer, tokenizer)
    for ours, (theirs, norm) in names(shape.layers).items():
        value = saved["model"][ours].float().numpy()
        if norm:
            writer.add_tensor(theirs, (1 + value).astype(np.float32))
        elif kind == "f16":
            writer.add_tensor(theirs, value.astype(np.float16))
        else:
            writer.add_tensor(theirs, gguf.quants.quantize(value, TYPES[kind]),
                              raw_dtype=TYPES[kind])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def read_shape(reader):
    def value(key):
        field = reader.fields[f"{ARCHITECTURE}.{key}"]
        return field.parts[field.data[0]][0].item()

    return Shape(
        width=value("embedding_length"), layers=value("block_count"),
        heads=value("attention.head_count"), kv_heads=value("attention.head_count_kv"),
        feed_forward=value("feed_forward_length"), head_size=value("attention.key_length"),
        window=value("attention.sliding_window"), context=value("context_length"))


def read(path):
    """The PyTorch model of a GGUF, its weights in float32."""
    try:
        reader = gguf.GGUFReader(path)
        architecture = reader.fields["general.architecture"].contents()
    except (ValueError, KeyError) as error:
        refuse(f"{path} is no GGUF: {error}", "Give one that gguf_file.py made.")
    if architecture != ARCHITECTURE:
        refuse(f"{path} is of the architecture {architecture}, expected {ARCHITECTURE}",
               "Give one that gguf_file.py made.")
    tensors = {t.name: t for t in reader.tensors}
    model, found = Gemma(read_shape(reader)), {}
    for ours, (theirs, norm) in names(model.shape.layers).items():
        t = tensors[theirs]
        value = torch.from_numpy(np.array(gguf.quants.dequantize(t.data, t.tensor_type)))
        found[ours] = value - 1 if norm else value
    model.load_state_dict(found)
    return model


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--checkpoint", required=True)
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--type", choices=TYPES, default="f16")
    args = parser.parse_args()
    check_file("--checkpoint", args.checkpoint)
    check_file("--tokenizer", args.tokenizer)
    saved = checkpoint(args.checkpoint, lambda path: torch.load(
        path, map_location="cpu", weights_only=False), "model", "shape", "step", "tokens")
    write(saved, args.tokenizer, args.out, args.type)
    print(f"{args.out}: step {saved['step']}, {saved['tokens']} tokens")


if __name__ == "__main__":
    main()
