"""Logits of an export against the scores that ltm wrote with eval.dump.

    export_check.py RUN-FORM…        the export RUN-torch or RUN-llama against RUN.dump

torch: by the module that lies in FOLDER. llama: by a forward pass of its own, from config.json and the tensors, with the rotation and
the names of transformers' LlamaForCausalLM. Prints the largest difference of -log p a token of each; above 1e-3 it fails."""
import importlib.util
import json
import math
import sys

import torch


def read(path):
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        data = file.read()
    header.pop("__metadata__", None)
    kinds = {"F32": torch.float32, "I32": torch.int32}
    return {name: torch.frombuffer(bytearray(data[slice(*t["data_offsets"])]), dtype=kinds[t["dtype"]]).reshape(t["shape"])
            for name, t in header.items() if t["data_offsets"][0] < t["data_offsets"][1]}


def llama(folder, tokens):
    c = json.load(open(folder + "/config.json", encoding="utf-8"))
    w = {name: tensor.double() for name, tensor in read(folder + "/model.safetensors").items()}
    assert c["architectures"] == ["LlamaForCausalLM" if "sliding_window" not in c else "MistralForCausalLM"]
    H, K, h = c["num_attention_heads"], c["num_key_value_heads"], c["head_dim"]
    T = tokens.shape[1]
    t = torch.arange(T)
    seen = (t[:, None] >= t) & (t[:, None] - t < c.get("sliding_window", T))
    angle = t[:, None] / c["rope_theta"] ** (torch.arange(0, h, 2).double() / h)
    cos, sin = (torch.cat([f(angle)] * 2, -1) for f in (torch.cos, torch.sin))

    def norm(x, name):
        return w[name + ".weight"] * x / torch.sqrt((x * x).mean(-1, keepdim=True) + c["rms_norm_eps"])

    def turn(x):
        return x * cos + torch.cat([-x[..., h // 2:], x[..., :h // 2]], -1) * sin

    x = w["model.embed_tokens.weight"][tokens]
    for layer in range(c["num_hidden_layers"]):
        at = f"model.layers.{layer}."
        y = norm(x, at + "input_layernorm")
        q, k, v = (torch.einsum("btd,hod->bhto", y, w[f"{at}self_attn.{n}_proj.weight"].reshape(heads, h, -1))
                   for n, heads in (("q", H), ("k", K), ("v", K)))
        k, v = (u.repeat_interleave(H // K, 1) for u in (turn(k), v))
        score = (turn(q) @ k.transpose(2, 3) / math.sqrt(h)).masked_fill(~seen, -math.inf)
        x = x + (score.softmax(-1) @ v).transpose(1, 2).reshape(*x.shape) @ w[at + "self_attn.o_proj.weight"].T
        y = norm(x, at + "post_attention_layernorm")
        gate = y @ w[at + "mlp.gate_proj.weight"].T
        x = x + (gate * torch.sigmoid(gate) * (y @ w[at + "mlp.up_proj.weight"].T)) @ w[at + "mlp.down_proj.weight"].T
    last = "model.embed_tokens" if c["tie_word_embeddings"] else "lm_head"
    states = norm(x, "model.norm")
    return states @ w[last + ".weight"].T, states


def module(folder, tokens, dump):
    spec = importlib.util.spec_from_file_location("model", folder + "/model.py")
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    z = (dump["mu"] + torch.exp(dump["logvar"] / 2) * dump["noise"],) if "mu" in dump else ()
    return made.load()(tokens, *z)


torch.set_num_threads(1)
failed = False
for folder in sys.argv[1:]:
    run, form = folder.rsplit("-", 1)
    d = read(run + ".dump")
    tokens = d["tokens"].long()
    with torch.no_grad():
        logits, states = (module(folder, tokens, d), None) if form == "torch" else llama(folder, tokens)
        nll = torch.nn.functional.cross_entropy(logits.flatten(0, 1), d["targets"].long().flatten(), reduction="none")
    worst = (nll.double() - d["nll_per_token"].double().flatten()).abs().max().item()
    print(f"{folder}: {worst:.2g} at most, of {d['nll_per_token'].numel()} scores")
    failed |= not worst < 1e-3
    if states is not None:  # eval.states
        failed |= not torch.allclose(states, d["states"].double(), atol=1e-3)
sys.exit(failed)
