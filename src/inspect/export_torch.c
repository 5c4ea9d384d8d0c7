/* A model as a PyTorch module: model.py walks the plan as the decoder does, and contains only what this configuration
 * uses. Weights keep their names, so that load_state_dict accepts them. */
#include <stdio.h>

#include "base/files.h"
#include "config/chunks.h"
#include "inspect/export_forms.h"
#include "model/model_file.h"
#include "stages/model_shape.h"

static const char head[] =
    "import json\n"
    "import os\n"
    "import torch\n"
    "from torch import nn\n"
    "from torch.nn import functional as F\n"
    "\n\n"
    "def read(path):\n"
    "    \"\"\"The tensors of a safetensors file of 32-bit numbers.\"\"\"\n"
    "    with open(path, \"rb\") as file:\n"
    "        header = json.loads(file.read(int.from_bytes(file.read(8), \"little\")))\n"
    "        data = torch.frombuffer(bytearray(file.read()), dtype=torch.float32)\n"
    "    header.pop(\"__metadata__\", None)\n"
    "    return {name: data[t[\"data_offsets\"][0] // 4:t[\"data_offsets\"][1] // 4].reshape(t[\"shape\"])\n"
    "            for name, t in header.items()}\n"
    "\n\n"
    "def load(folder=os.path.dirname(os.path.abspath(__file__))):\n"
    "    tensors = read(os.path.join(folder, \"model.safetensors\"))\n"
    "    model = Model({name: tensor.shape for name, tensor in tensors.items()})\n"
    "    model.load_state_dict(tensors)\n"
    "    return model\n"
    "\n\n"
    "def norm(x, gain=1):\n"
    "    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-5) * gain\n"
    "\n\n"
    "def heads(x, count):\n"
    "    return x.unflatten(-1, (count, -1)).transpose(1, 2)\n"
    "\n\n"
    "def turn(x, stride=1):\n"
    "    \"\"\"Rotary positions: neighbours turn together.\"\"\"\n"
    "    rate = 10000.0 ** (-torch.arange(0, x.shape[-1], 2, dtype=torch.float64) / x.shape[-1])\n"
    "    angle = torch.arange(x.shape[-2])[:, None] * stride * rate\n"
    "    c, s = angle.cos().to(x), angle.sin().to(x)\n"
    "    even, odd = x[..., 0::2], x[..., 1::2]\n"
    "    return torch.stack([even * c - odd * s, even * s + odd * c], -1).flatten(-2)\n"
    "\n\n"
    "def attend(q, k, v, seen=None):\n"
    "    k, v = (x.repeat_interleave(HEADS // KV_HEADS, 1) for x in (k, v))\n"
    "    score = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5\n"
    "    if seen is not None:\n"
    "        score = score.masked_fill(~seen, float(\"-inf\"))\n"
    "    return (score.softmax(-1) @ v).transpose(1, 2).flatten(-2)\n"
    "\n\n"
    "class Model(nn.Module):\n"
    "    def __init__(self, shapes):\n"
    "        super().__init__()\n"
    "        for name, shape in shapes.items():\n"
    "            *path, leaf = name.split(\".\")\n"
    "            node = self\n"
    "            for part in path:\n"
    "                if part not in node._modules:\n"
    "                    node.add_module(part, nn.Module())\n"
    "                node = node._modules[part]\n"
    "            node.register_parameter(leaf, nn.Parameter(torch.zeros(shape)))\n"
    "\n";

static const char body[] =
    "        all_w = {name[:-len(\".weight\")]: weight for name, weight in self.named_parameters()}\n"
    "        t = torch.arange(tokens.shape[1], device=tokens.device)\n"
    "        seen = (t[:, None] >= t) & (t[:, None] - t < WINDOW)\n";

static const char masked[] = "        end = (tokens == END).long()\n"
                             "        document = end.cumsum(1) - end\n"
                             "        seen = (seen & (document[:, :, None] == document[:, None, :]))[:, None]\n";

static const char walk[] =
    "        for stage, block, part in PLAN:\n"
    "            w = {name[len(block) + 1:]: x for name, x in all_w.items() if name.startswith(block + \".\")}\n"
    "            if stage == \"embedding\":\n"
    "                h = first = all_w[\"tok_embeddings\"][tokens]\n";

static void put_attention(FILE *f, const struct ltm_model_config *c) {
    fputs("            elif stage == \"self-attention\":\n"
          "                x = norm(h, w[\"attention_norm\"])\n"
          "                q = heads(x @ w[\"attention.wq\"].T, HEADS)\n"
          "                k, v = (heads(x @ w[\"attention.\" + name].T, KV_HEADS) for name in (\"wk\", \"wv\"))\n",
          f);
    if (c->qk_norm == LTM_QK_NORM_RMS)
        fputs("                q, k = norm(q, w[\"attention.q_scale\"][:, None, None]), norm(k)\n", f);
    if (c->value_residual)
        fputs("                values = v if values is None else values\n"
              "                v = v + w[\"attention.value_mix\"] * (values - v)\n",
              f);
    fputs("                h = h + attend(turn(q), turn(k), v, seen) @ w[\"attention.wo\"].T\n", f);
}

static void put_cross(FILE *f, const struct ltm_model_config *c) {
    fprintf(
        f,
        "            elif stage == \"cross-attention\":\n"
        "                x = norm(h, w[\"cross_attention_norm\"])\n"
        "                mine = %sz[:, part * %d:(part + 1) * %d]\n"
        "                q = heads(x @ w[\"cross_attention.wq\"].T, HEADS)\n"
        "                k, v = (heads(mine @ w[\"cross_attention.\" + name].T, KV_HEADS) for name in (\"wk\", \"wv\"))\n"
        "                h = h + attend(turn(q), turn(k, %d), v) @ w[\"cross_attention.wo\"].T\n",
        model_streams(c) ? "w[\"cross_attention.start\"] + w[\"cross_attention.gain\"][:, None] * " : "",
        model_layer_latents(c), model_layer_latents(c), c->sequence / c->latents);
}

static void put_feed_forward(FILE *f, const struct ltm_model_config *c) {
    fputs("            elif stage == \"feed-forward\":\n"
          "                x = norm(h, w[\"ffn_norm\"])\n",
          f);
    fputs(c->ffn == LTM_FFN_RELU2
              ? "                x = F.relu(x @ w[\"feed_forward.w1\"].T).square()\n"
              : "                x = F.silu(x @ w[\"feed_forward.w1\"].T) * (x @ w[\"feed_forward.w3\"].T)\n",
          f);
    fputs("                h = h + x @ w[\"feed_forward.w2\"].T\n", f);
}

static void put_mix(FILE *f, const struct ltm_model_config *c) {
    (void)c;
    fputs("            elif stage == \"mix\":\n"
          "                h = w[\"mix_stream\"] * h + w[\"mix_first\"] * first\n",
          f);
}

static void put_loop_add(FILE *f, const struct ltm_model_config *c) {
    (void)c;
    fputs("            elif stage == \"loop add\":\n"
          "                h = norm(h, w[\"norm\"]) + w[\"scale\"] * entry\n",
          f);
}

static void put_loop_concat(FILE *f, const struct ltm_model_config *c) {
    (void)c;
    fputs("            elif stage == \"loop concat\":\n"
          "                h = torch.cat([h, entry], -1) @ w[\"concat\"].T\n",
          f);
}

static void put_loop_diagonal(FILE *f, const struct ltm_model_config *c) {
    (void)c;
    fputs("            elif stage == \"loop diagonal\":\n"
          "                take = F.softplus(w[\"step\"])\n"
          "                h = torch.exp(-take * w[\"rate\"].exp()) * h + take * (entry @ w[\"b\"].T)\n",
          f);
}

static void put_final_norm(FILE *f, const struct ltm_model_config *c) {
    (void)c;
    fputs("            elif stage == \"final norm\":\n"
          "                h = norm(h, all_w[\"norm\"])\n",
          f);
}

/* The stages of the module, under its names; the first and the last are always present. */
static const struct {
    const struct stage_kind *kind;
    const char *name;
    void (*put)(FILE *f, const struct ltm_model_config *c); /* its lines */
} stages[] = {{&embedding_stage, "embedding", NULL},
              {&mix_stage, "mix", put_mix},
              {&loop_add_stage, "loop add", put_loop_add},
              {&loop_concat_stage, "loop concat", put_loop_concat},
              {&loop_diagonal_stage, "loop diagonal", put_loop_diagonal},
              {&self_attention_stage, "self-attention", put_attention},
              {&cross_attention_stage, "cross-attention", put_cross},
              {&feed_forward_stage, "feed-forward", put_feed_forward},
              {&final_norm_stage, "final norm", put_final_norm},
              {&output_stage, "output", NULL}};

enum { STAGES = sizeof stages / sizeof stages[0] };

static int stage_of(const struct stage_kind *kind) {
    int i = 0;
    while (i < STAGES && stages[i].kind != kind) i++;
    return i;
}

/* A stage that gives the start of a fit of z is not part of the model given z. */
static bool is_left_out(const struct application *a) { return a->kind->fits_latents; }

static void put_plan(FILE *f, const struct plan *plan) {
    fputs(
        "# Stages in the order in which they run: what each is, whose weights it takes, which part of z it reads.\nPLAN = [",
        f);
    for (int a = 0; a < plan->count; a++) {
        const struct application *at = &plan->applications[a];
        if (is_left_out(at)) continue;
        if (plan->core.injects && a == plan->core.begin) fputs("\n    (\"enter\", \"\", -1),", f);
        fprintf(f, "%s(\"%s\", \"%s\", %d),", a % 3 ? " " : "\n    ", stages[stage_of(at->kind)].name,
                plan->table.blocks[at->block].name, at->part);
    }
    fputs("\n]\n\n\n", f);
}

static void put_module(FILE *f, const struct ltm_model *model) {
    const struct plan *plan = &model->decoder->plan;
    const struct ltm_model_config *c = &plan->config;
    const bool own = c->output == LTM_OUTPUT_OWN;
    const char *z = model_streams(c) ? " and z (B, N, D), how far it has moved from its start: torch.zeros, say"
                    : c->latents     ? " and z (B, N, D), such as torch.randn"
                                     : "";
    fprintf(f,
            "\"\"\"A model that ltm exported, as a PyTorch module of its configuration.\n\n"
            "    model = load()\n"
            "    logits = model(tokens%s)    # (B, T, %d) of tokens (B, T)%s\n\"\"\"\n",
            c->latents ? ", z" : "", c->vocab, z);
    fputs(head, f);
    fprintf(f, "    def forward(self, tokens%s):\n", c->latents ? ", z" : "");
    fputs(body, f);
    if (c->packing != LTM_PACKING_PACKED) fputs(masked, f);
    if (c->value_residual) fputs("        values = None\n", f);
    fputs(walk, f);
    if (plan->core.injects) fputs("            elif stage == \"enter\":\n                entry = h\n", f);
    for (int s = 0; s < STAGES; s++)
        for (int a = 0; a < plan->count && stages[s].put; a++)
            if (plan->applications[a].kind == stages[s].kind && plan_leads_kind(plan, a)) stages[s].put(f, c);
    fprintf(f, "        logits = h @ all_w[\"%s\"].T\n", own ? "output" : "tok_embeddings");
    if (c->softcap != 0)
        fprintf(f, "        return %.9g * torch.tanh(logits / %.9g)\n", c->softcap, c->softcap);
    else
        fputs("        return logits\n", f);
    fprintf(f, "\n\nHEADS, KV_HEADS, WINDOW = %d, %d, %d\n", c->heads, model_kv_heads(c), c->window);
    if (c->latents) fprintf(f, "N, D = %d, %d  # of z\n", c->latents, c->dim);
    if (c->packing != LTM_PACKING_PACKED) fprintf(f, "END = %d  # ends a document\n", c->document_end);
    put_plan(f, plan);
}

static ltm_status check(const struct ltm_model *model, struct ltm_error *error) {
    const struct plan *plan = &model->decoder->plan;
    for (int a = 0; a < plan->count; a++)
        if (!is_left_out(&plan->applications[a]) && stage_of(plan->applications[a].kind) == STAGES)
            return fail(error, LTM_UNSUPPORTED, "the format torch has no stage \"%s\", which this model uses",
                        plan->applications[a].kind->name);
    return LTM_OK;
}

static ltm_status write_form(const struct ltm_model *model, const char *folder, struct ltm_error *error) {
    char path[LTM_PATH_MAX];
    struct file_draft draft;
    PASS_UP(path_join(path, sizeof path, folder, "model.safetensors", error));
    PASS_UP(model_file_write(path, model->decoder, &model->config, model->step, model->digest, error));
    PASS_UP(path_join(path, sizeof path, folder, "model.py", error));
    PASS_UP(file_create(&draft, path, error));
    put_module(draft.stream, model);
    return file_commit(&draft, error);
}

const struct export_form export_torch = {"torch", check, write_form};
