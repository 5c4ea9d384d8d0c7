/* A plain model as transformers' Llama: the same mathematics, except that its rotary pairs are (i, i + h/2) and ours
 * (2i, 2i + 1): the rows of wq and wk are permuted. With a window it is Mistral, which differs only in that. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/safetensors.h"
#include "inspect/export_forms.h"
#include "model/model_file.h"
#include "stages/model_shape.h"

static const struct {
    const char *ours, *theirs;
    bool turns;
} names[] = {{"attention.wq", "self_attn.q_proj", true},
             {"attention.wk", "self_attn.k_proj", true},
             {"attention.wv", "self_attn.v_proj", false},
             {"attention.wo", "self_attn.o_proj", false},
             {"feed_forward.w1", "mlp.gate_proj", false},
             {"feed_forward.w3", "mlp.up_proj", false},
             {"feed_forward.w2", "mlp.down_proj", false},
             {"attention_norm", "input_layernorm", false},
             {"ffn_norm", "post_attention_layernorm", false},
             {"tok_embeddings", "model.embed_tokens", false},
             {"norm", "model.norm", false},
             {"output", "lm_head", false}};

enum { NAMES = sizeof names / sizeof names[0] };

/* The key that rules out such a model. */
static ltm_status check(const struct ltm_model *model, struct ltm_error *error) {
    const struct ltm_model_config *c = &model->config.model;
    const struct {
        const char *key, *want;
        bool has;
    } rules[] = {{"latent.count", "0", c->latents > 0},
                 {"model.loops", "1", model_loops(c) > 1},
                 {"model.ffn", "swiglu", c->ffn != LTM_FFN_SWIGLU},
                 {"model.qk_norm", "none", c->qk_norm != LTM_QK_NORM_NONE},
                 {"model.softcap", "0", c->softcap != 0},
                 {"model.mix_input", "no", c->mix_input != 0},
                 {"model.value_residual", "no", c->value_residual != 0},
                 {"data.packing", "packed", c->packing != LTM_PACKING_PACKED}};
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        if (rules[i].has)
            return fail(error, LTM_UNSUPPORTED,
                        "a Llama cannot express this model: it needs %s = %s; the format torch takes any model",
                        rules[i].key, rules[i].want);
    return LTM_OK;
}

/* Row i of the first half and of the second come from rows 2i and 2i + 1 of each head. */
static void turn_rows(float *to, const float *from, const struct weight *w, int head_dim) {
    const size_t d = (size_t)w->columns;
    for (int row = 0; row < w->rows; row++) {
        const int at = row % head_dim;
        const int half = head_dim / 2;
        const int there = row - at + 2 * (at % half) + at / half;
        memcpy(to + (size_t)row * d, from + (size_t)there * d, d * sizeof *to);
    }
}

/* The row of `names` for a weight, or -1: heads of slow.predict, which only training uses. */
static int row_of(const char *name, int *layer) {
    char rest[64];
    *layer = -1;
    if (sscanf(name, "layers.%d.%63s", layer, rest) != 2) snprintf(rest, sizeof rest, "%s", name);
    for (int i = 0; i < NAMES; i++) {
        const size_t length = strlen(names[i].ours);
        if (strncmp(rest, names[i].ours, length) == 0 && strcmp(rest + length, ".weight") == 0) return i;
    }
    return -1;
}

static ltm_status write_weights(const struct ltm_model *model, const char *path, struct ltm_error *error) {
    static const struct safetensors_pair format = {"format", "pt"}; /* required by transformers */
    const struct weight_table *table = &model->decoder->plan.table;
    const float *weights = model->decoder->weights;
    ltm_status status = LTM_OK;
    struct safetensors_tensor *tensors = NULL;
    char(*theirs)[96] = NULL;
    float *turned = NULL;
    size_t count = 0;
    TRY(NEW_ARRAY(tensors, (size_t)table->count, "an export", error));
    TRY(NEW_ARRAY(theirs, (size_t)table->count, "an export", error));
    TRY(NEW_ARRAY(turned, table->size, "an export", error));
    for (int i = 0; i < table->count; i++) {
        const struct weight *w = &table->weights[i];
        int layer;
        char ours[64];
        const int row = row_of(w->name, &layer);
        if (row < 0) continue;
        weight_describe(&tensors[count], ours, w, "", weights + w->offset);
        if (layer >= 0)
            snprintf(theirs[count], sizeof theirs[count], "model.layers.%d.%s.weight", layer, names[row].theirs);
        else
            snprintf(theirs[count], sizeof theirs[count], "%s.weight", names[row].theirs);
        tensors[count].name = theirs[count];
        if (names[row].turns) {
            turn_rows(turned + w->offset, weights + w->offset, w, model_head_dim(&model->config.model));
            tensors[count].data = turned + w->offset;
        }
        count++;
    }
    TRY(safetensors_write(path, tensors, count, &format, 1, error));
cleanup:
    free(tensors);
    free(theirs);
    free(turned);
    return status;
}

static json_t *configuration(const struct ltm_model *model) {
    const struct ltm_model_config *c = &model->config.model;
    const bool window = c->window < c->sequence;
    json_t *json = json_pack(
        "{s:[s], s:s, s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:f, s:f, s:b, s:b, s:b, s:s}", "architectures",
        window ? "MistralForCausalLM" : "LlamaForCausalLM", "model_type", window ? "mistral" : "llama", "hidden_act",
        "silu", "hidden_size", c->dim, "intermediate_size", model_ffn_width(c), "num_hidden_layers", c->layers,
        "num_attention_heads", c->heads, "num_key_value_heads", model_kv_heads(c), "head_dim", model_head_dim(c),
        "max_position_embeddings", c->sequence, "vocab_size", c->vocab, "rms_norm_eps", 1e-5, "rope_theta", 10000.0,
        "tie_word_embeddings", c->output == LTM_OUTPUT_TIED, "attention_bias", 0, "mlp_bias", 0, "torch_dtype",
        "float32");
    if (json && window) json_object_set_new(json, "sliding_window", json_integer(c->window));
    if (json && model->tokenizer)
        json_object_set_new(json, "eos_token_id", json_integer(ltm_tokenizer_end(model->tokenizer)));
    return json;
}

static ltm_status write_form(const struct ltm_model *model, const char *folder, struct ltm_error *error) {
    char path[LTM_PATH_MAX];
    PASS_UP(path_join(path, sizeof path, folder, "model.safetensors", error));
    PASS_UP(write_weights(model, path, error));
    PASS_UP(path_join(path, sizeof path, folder, "config.json", error));
    json_t *json = configuration(model);
    char *text = json ? json_text(json, JSON_INDENT(2) | JSON_REAL_PRECISION(6)) : NULL;
    json_decref(json);
    const ltm_status status = text ? file_write_text(path, text, error) : json_fail_memory("an export", error);
    free(text);
    return status;
}

const struct export_form export_llama = {"llama", check, write_form};
