#include "ltm/export.h"

#include <stdlib.h>

#include "base/files.h"
#include "base/json.h"
#include "config/chunks.h"
#include "inspect/export_forms.h"
#include "ltm/config.h"
#include "train/checkpoint.h"

static const struct export_form *const forms[] = {
    [LTM_EXPORT_TORCH] = &export_torch, [LTM_EXPORT_LLAMA] = &export_llama};

enum { FORMS = sizeof forms / sizeof forms[0] };

const char *ltm_export_name(int form) { return form >= 0 && form < FORMS ? forms[form]->name : NULL; }

static ltm_status copy_tokenizer(const char *checkpoint, const char *folder, struct ltm_error *error) {
    char from[LTM_PATH_MAX];
    char to[LTM_PATH_MAX];
    char beside[LTM_PATH_MAX];
    PASS_UP(checkpoint_find(from, sizeof from, checkpoint, error));
    PASS_UP(path_join(beside, sizeof beside, from, "tokenizer.model", error));
    PASS_UP(path_join(to, sizeof to, folder, "tokenizer.model", error));
    return file_copy(beside, to, error);
}

/* Written first: it marks the folder as ours. */
static ltm_status write_facts(const struct ltm_model *model, const char *checkpoint, const char *folder,
                              const char *form, struct ltm_error *error) {
    char path[LTM_PATH_MAX];
    PASS_UP(path_join(path, sizeof path, folder, "export.json", error));
    json_t *facts = json_pack("{s:s, s:s, s:I, s:s}", "form", form, "checkpoint", checkpoint, "step",
                              (json_int_t)model->step, "tokenizer_digest", model->digest);
    char *text = facts ? json_text(facts, JSON_INDENT(2)) : NULL;
    json_decref(facts);
    const ltm_status status =
        text ? file_write_text(path, text, error) : json_fail_memory("the account of an export", error);
    free(text);
    return status;
}

ltm_status ltm_export(const char *checkpoint, const char *folder, enum ltm_export_form form, struct ltm_error *error) {
    static const char *const marks[] = {"export.json", NULL};
    ltm_status status = LTM_OK;
    struct ltm_model *model = NULL;
    if (!ltm_export_name((int)form)) return fail(error, LTM_INVALID, "there is no export format %d", (int)form);
    TRY(ltm_model_open(&model, checkpoint, error));
    if (model_moves(&model->config.model))
        TRY(fail(error, LTM_UNSUPPORTED,
                 "latent.kind = streaming moves z from chunk to chunk by its gradient, which no exported form does"));
    if (model->config.model.memory != LTM_MEMORY_NONE)
        TRY(fail(error, LTM_UNSUPPORTED,
                 "model.memory learns as it reads, chunk by chunk, which no exported form does; export a model with "
                 "model.memory = none"));
    TRY(forms[form]->check(model, error));
    TRY(folder_check_own(folder, marks, "the folder of an export", error));
    TRY(folder_create(folder, error));
    TRY(write_facts(model, checkpoint, folder, forms[form]->name, error));
    TRY(forms[form]->write(model, folder, error));
    if (model->tokenizer) TRY(copy_tokenizer(checkpoint, folder, error));
cleanup:
    ltm_model_close(model);
    return status;
}
