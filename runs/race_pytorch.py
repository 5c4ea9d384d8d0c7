#!/usr/bin/env python3
"""The PyTorch contestant of runs/race.sh: a plain decoder with the usual recipe, trained for a fixed time.

    race_pytorch.py CORPUS LOG seconds=600 threads=2 sequence=512 heldout=128 scores=24 dim=128 layers=4 heads=4 batch=8 lr=0.002

Pre-norm, learned positions, GELU, full causal attention, biases, tied output, weights N(0, 0.02²), those that write into the residual
stream (0.02/√(2 layers))²; AdamW (0.9, 0.95), weight decay 0.1 on matrices, clip 1, warm-up in the first 2 % of the time, then a cosine
to a tenth that ends with it. The corpus's own tokens, and the held-out sequences that ltm scores. LOG gets the lines of ltm's
log.jsonl; seconds are those of training steps, without the scoring."""
import glob
import json
import math
import sys
import time

import numpy
import torch
from torch import nn
from torch.nn import functional


class Layer(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.qkv, self.wo = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.w1, self.w2 = nn.Linear(dim, 4 * dim), nn.Linear(4 * dim, dim)

    def forward(self, x, mask):
        batch, length, dim = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(batch, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4).flatten(1, 2)
        weights = torch.baddbmm(mask, q, k.transpose(1, 2), alpha=1 / math.sqrt(dim // self.heads)).softmax(-1)
        x = x + self.wo((weights @ v).view(batch, self.heads, length, -1).transpose(1, 2).reshape(batch, length, dim))
        return x + self.w2(functional.gelu(self.w1(self.norm2(x))))


class Decoder(nn.Module):
    def __init__(self, vocab, sequence, dim, layers, heads):
        super().__init__()
        self.tokens, self.positions = nn.Embedding(vocab, dim), nn.Embedding(sequence, dim)
        self.layers = nn.ModuleList(Layer(dim, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(dim)
        self.register_buffer("mask", torch.full((sequence, sequence), -math.inf).triu(1))
        for name, weight in self.named_parameters():
            if weight.dim() == 2:
                residual = name.endswith(("wo.weight", "w2.weight"))
                nn.init.normal_(weight, std=0.02 / math.sqrt(2 * layers) if residual else 0.02)
            elif name.endswith("bias"):
                nn.init.zeros_(weight)

    def loss(self, batch):
        """Mean -log p of a token; batch: (B, T + 1)."""
        x = self.tokens(batch[:, :-1]) + self.positions.weight
        for layer in self.layers:
            x = layer(x, self.mask)
        logits = self.norm(x) @ self.tokens.weight.T
        return functional.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten())


def read(corpus, split):
    """The tokens of a split's shards, behind 256 int32 of header each."""
    shards = [numpy.fromfile(path, "<u2", offset=1024) for path in sorted(glob.glob(f"{corpus}/{split}-*.bin"))]
    return numpy.concatenate(shards).astype(numpy.int64)


def windows(tokens, starts, sequence):
    return torch.from_numpy(numpy.stack([tokens[s:s + sequence + 1] for s in starts]))


def training_starts(count, sequence, random):
    """Each epoch takes every chunk once, in a new order, from a new offset: as ltm does."""
    chunks = (count - sequence) // sequence
    while True:
        yield from random.integers(sequence) + random.permutation(chunks) * sequence


def main():
    corpus, path = sys.argv[1:3]
    a = {key: float(value) for key, value in (setting.split("=") for setting in sys.argv[3:])}
    dim, layers, heads, sequence, size = (int(a[key]) for key in ("dim", "layers", "heads", "sequence", "batch"))
    torch.set_num_threads(int(a["threads"]))
    torch.manual_seed(1)
    with open(f"{corpus}/corpus.json", encoding="utf-8") as file:
        model = Decoder(json.load(file)["vocab"], sequence, dim, layers, heads)
    train, held = read(corpus, "train"), read(corpus, "heldout")
    every = (len(held) - 1) // sequence
    most = min(int(a["heldout"]), every)
    scored = [i * every // most * sequence for i in range(most)]
    starts = training_starts(len(train), sequence, numpy.random.default_rng(1))
    matrices = [p for p in model.parameters() if p.dim() == 2]
    vectors = [p for p in model.parameters() if p.dim() != 2]
    optimiser = torch.optim.AdamW([{"params": matrices}, {"params": vectors, "weight_decay": 0}], betas=(0.9, 0.95),
                                  weight_decay=0.1)
    seconds, step, due = 0.0, 0, 0.0
    with open(path, "w", encoding="utf-8") as log:
        def put(**line):
            print(json.dumps({"step": step, "tokens": step * size * sequence, **line, "seconds": seconds}), file=log, flush=True)

        while True:
            if seconds >= min(due, a["seconds"]):
                with torch.no_grad():
                    parts = [scored[i:i + 8] for i in range(0, most, 8)]
                    bound = sum(len(p) * model.loss(windows(held, p, sequence)).item() for p in parts) / most
                put(heldout=True, bound=bound)
                print(f"step {step}, {seconds:.0f} of {a['seconds']:g} s: held-out {bound:.4f} nats a token", file=sys.stderr)
                due = (math.floor(seconds / a["seconds"] * a["scores"]) + 1) * a["seconds"] / a["scores"]
            if seconds >= a["seconds"]:
                return
            began, done = time.perf_counter(), seconds / a["seconds"]
            rate = a["lr"] * (max(done, 1e-3) / 0.02 if done < 0.02 else
                              0.55 + 0.45 * math.cos(math.pi * (done - 0.02) / 0.98))
            for group in optimiser.param_groups:
                group["lr"] = rate
            loss = model.loss(windows(train, [next(starts) for _ in range(size)], sequence))
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            step += 1
            taken = loss.item()
            seconds += time.perf_counter() - began
            if not math.isfinite(taken):
                sys.exit(f"race_pytorch.py: the loss is {taken} at step {step}; a lower lr may mend it")
            put(loss=taken, lr=rate)


if __name__ == "__main__":
    main()
