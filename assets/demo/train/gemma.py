"""The model in PyTorch: the structure of Gemma 2 at the sizes of SHAPES.

Four RMSNorms a layer, grouped-query attention with rotary positions, soft-caps on the scores and on
the logits, GeGLU, a tied and scaled embedding; layers 0, 2, 4 .. look back `window` positions,
layers 1, 3, 5 .. over the whole text. Texts that share a row do not see each other.

Shapes: B rows, T positions, H query heads, K KV heads, G = H / K, D the size of a head.
"""
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

BOS = 2
MASKED = -1e9  # added to the score of a pair that may not see each other


@dataclass(frozen=True)
class Shape:
    """Every number that decides the structure; written into checkpoints and into the GGUF."""
    width: int
    layers: int
    heads: int
    kv_heads: int
    feed_forward: int
    vocab: int = 4096
    head_size: int = 64
    window: int = 32
    context: int = 512
    epsilon: float = 1e-6
    rope_base: float = 1e4
    score_cap: float = 50.0
    logit_cap: float = 30.0


SHAPES = {
    "small": Shape(width=256, layers=6, heads=4, kv_heads=2, feed_forward=768),      # 5.8 M weights
    "shipped": Shape(width=384, layers=8, heads=8, kv_heads=4, feed_forward=960),    # 15.1 M
    "teacher": Shape(width=640, layers=12, heads=10, kv_heads=5, feed_forward=1728)  # 57.2 M
}


class Norm(nn.Module):
    """RMSNorm whose weight is stored as its distance from 1."""

    def __init__(self, width, epsilon):
        super().__init__()
        self.w = nn.Parameter(torch.zeros(width))
        self.epsilon = epsilon

    def forward(self, x):
        scale = torch.rsqrt(x.square().mean(-1, keepdim=True) + self.epsilon)
        return x * scale * (1 + self.w)


def rotary(positions, shape):
    """cos and sin [T, D] for the positions [T]; the two halves of a head turn together."""
    half = torch.arange(shape.head_size // 2, device=positions.device)
    angle = positions[:, None] * shape.rope_base ** (-2 * half / shape.head_size)[None]
    return torch.cat([angle.cos()] * 2, -1), torch.cat([angle.sin()] * 2, -1)


def rotate(x, cos, sin):
    half = x.shape[-1] // 2
    return x * cos + torch.cat([-x[..., half:], x[..., :half]], -1) * sin


def capped(scores, cap):
    return cap * torch.tanh(scores / cap)


class Layer(nn.Module):
    def __init__(self, shape, local, dropout):
        super().__init__()
        self.shape, self.local, self.dropout = shape, local, dropout
        queries, keys = shape.heads * shape.head_size, shape.kv_heads * shape.head_size

        def matrix(n_in, n_out):
            return nn.Linear(n_in, n_out, bias=False)

        for name in ("n1", "n2", "n3", "n4"):
            setattr(self, name, Norm(shape.width, shape.epsilon))
        self.q, self.k = matrix(shape.width, queries), matrix(shape.width, keys)
        self.v, self.o = matrix(shape.width, keys), matrix(queries, shape.width)
        self.gate = matrix(shape.width, shape.feed_forward)
        self.up = matrix(shape.width, shape.feed_forward)
        self.down = matrix(shape.feed_forward, shape.width)

    def project(self, x, cos, sin):
        """Queries [B, K, G, T, D] (scaled), keys and values [B, K, T, D]."""
        s, (b, t, _) = self.shape, x.shape
        q = self.q(x).view(b, t, s.heads, s.head_size).transpose(1, 2)
        k = self.k(x).view(b, t, s.kv_heads, s.head_size).transpose(1, 2)
        v = self.v(x).view(b, t, s.kv_heads, s.head_size).transpose(1, 2)
        q = rotate(q, cos, sin) * s.head_size ** -0.5
        k = rotate(k, cos, sin)
        return q.view(b, s.kv_heads, s.heads // s.kv_heads, t, s.head_size), k, v

    def weights(self, q, k, text):
        """Attention weights [B, K, G, T, T]; `text` [B, T] numbers the texts of a row."""
        t = q.shape[-2]
        i = torch.arange(t, device=q.device)
        seen = (i[:, None] >= i[None]) & (text[:, :, None] == text[:, None, :])
        if self.local:
            seen = seen & (i[:, None] - i[None] < self.shape.window)
        scores = capped((q @ k[:, :, None].transpose(-1, -2)).float(), self.shape.score_cap)
        return torch.where(seen[:, None, None], scores, MASKED).softmax(-1)

    def attend(self, q, k, v, text):
        """Block by block, so that what no query may see is not computed: a local block looks at
        itself and the block before, a global one at everything up to its own end."""
        s, t = self.shape, q.shape[-2]
        size = s.window if self.local else 128
        if t % size:
            return self.weights(q, k, text).to(v.dtype) @ v[:, :, None]
        if self.local:
            return self.attend_local(q, k, v, text)
        out = []
        for start in range(0, t, size):
            end = start + size
            i = torch.arange(start, end, device=q.device)
            j = torch.arange(end, device=q.device)
            seen = (i[:, None] >= j[None]) & (text[:, start:end, None] == text[:, None, :end])
            scores = q[:, :, :, start:end] @ k[:, :, None, :end].transpose(-1, -2)
            scores = capped(scores.float(), s.score_cap)
            w = torch.where(seen[:, None, None], scores, MASKED).softmax(-1)
            out.append(w.to(v.dtype) @ v[:, :, None, :end])
        return torch.cat(out, -2)

    def attend_local(self, q, k, v, text):
        """All blocks of `window` queries at once, each against 2 * window keys."""
        s, (b, kv, g, t, d) = self.shape, q.shape
        w, n = s.window, t // s.window

        def pairs(x):  # [.., T, D] -> [.., N, 2 W, D]: the block before and the block itself
            blocks = x.unflatten(-2, (n, w))
            before = F.pad(blocks[..., :-1, :, :], (0, 0, 0, 0, 1, 0))
            return torch.cat([before, blocks], -2)

        i = torch.arange(w, device=q.device) + w
        j = torch.arange(2 * w, device=q.device)
        gap = i[:, None] - j[None]
        numbers = text[:, None, :, None].float() + 1  # 0 is left for the padding before block 0
        mine, theirs = numbers.unflatten(-2, (n, w)), pairs(numbers)
        seen = (gap >= 0) & (gap < w) & (mine == theirs.transpose(-1, -2))  # [B, 1, N, W, 2 W]
        scores = q.unflatten(-2, (n, w)) @ pairs(k)[:, :, None].transpose(-1, -2)
        scores = capped(scores.float(), s.score_cap)
        weight = torch.where(seen[:, :, None], scores, MASKED).softmax(-1)
        return (weight.to(v.dtype) @ pairs(v)[:, :, None]).reshape(b, kv, g, t, d)

    def forward(self, x, cos, sin, text):
        b, t, _ = x.shape
        q, k, v = self.project(self.n1(x), cos, sin)
        heads = self.attend(q, k, v, text).flatten(1, 2).transpose(1, 2).reshape(b, t, -1)
        x = x + F.dropout(self.n2(self.o(heads)), self.dropout, self.training)
        return x + F.dropout(self.mix(x), self.dropout, self.training)

    def mix(self, x):
        """What the second half of the layer adds to x."""
        y = self.n3(x)
        return self.n4(self.down(F.gelu(self.gate(y), approximate="tanh") * self.up(y)))


class Gemma(nn.Module):
    def __init__(self, shape, dropout=0.0):
        """`dropout`: share of what a layer adds that is left out in training."""
        super().__init__()
        self.shape = shape
        self.emb = nn.Embedding(shape.vocab, shape.width)
        self.layers = nn.ModuleList(Layer(shape, i % 2 == 0, dropout) for i in range(shape.layers))
        self.nf = Norm(shape.width, shape.epsilon)
        nn.init.normal_(self.emb.weight, 0, 0.02)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, 0, module.in_features ** -0.5)

    def forward(self, tokens, layers=None):
        """Logits [B, T, vocab] of the token after each of tokens [B, T]; `layers`: the layers in
        another form, such as compiled."""
        return self.head(self.body(tokens, layers or self.layers))

    def body(self, tokens, layers):
        text = (tokens == BOS).cumsum(1)
        cos, sin = rotary(torch.arange(tokens.shape[1], device=tokens.device), self.shape)
        x = self.emb(tokens) * self.shape.width ** 0.5
        for layer in layers:
            x = layer(x, cos, sin, text)
        return x

    def head(self, x):
        return capped(F.linear(self.nf(x), self.emb.weight).float(), self.shape.logit_cap)

    @torch.no_grad()
    def attention(self, tokens):
        """Attention weights [layers, B, H, T, T] of tokens [B, T]."""
        text = (tokens == BOS).cumsum(1)
        cos, sin = rotary(torch.arange(tokens.shape[1], device=tokens.device), self.shape)
        x, found = self.emb(tokens) * self.shape.width ** 0.5, []
        for layer in self.layers:
            q, k, _ = layer.project(layer.n1(x), cos, sin)
            found.append(layer.weights(q, k, text).flatten(1, 2))
            x = layer(x, cos, sin, text)
        return torch.stack(found)
