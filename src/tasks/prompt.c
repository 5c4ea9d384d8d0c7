#include "tasks/prompt.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/memory_stream.h"
#include "base/random.h"

static ltm_status fail_shots(int shots, int taken, struct ltm_error *error) {
    return fail(error, LTM_INVALID, "%d shot%s requested, but besides the item itself there %s only %d", shots,
                shots == 1 ? " is" : "s are", taken == 1 ? "is" : "are", taken);
}

/* Places of the first items of the training file, in order, but for the item itself. */
static ltm_status take_first(int32_t *drawn, const struct task *task, int64_t item, int shots,
                             struct ltm_error *error) {
    int taken = 0;
    for (int64_t i = 0; i < task->shots.count && taken < shots; i++)
        if (!json_equal(task->shots.all[i].json, task->items.all[item].json)) drawn[taken++] = (int32_t)i;
    return taken == shots ? LTM_OK : fail_shots(shots, taken, error);
}

/* Places of the first `shots` of a random order of the training items that are not the item itself (Fisher and Yates). */
static ltm_status draw_shots(int32_t *drawn, const struct task *task, int64_t item, int shots, uint64_t seed,
                             struct ltm_error *error) {
    const struct random_key key = {.seed = seed, .purpose = RANDOM_SHOTS, .sequence = (uint32_t)item};
    const struct task_items *from = &task->shots;
    const json_t *own = task->items.all[item].json;
    int64_t left = from->count;
    uint32_t turn = 0;
    int taken = 0;
    int32_t *order = NULL;
    PASS_UP(NEW_ARRAY(order, (size_t)left, "shots", error));
    for (int64_t i = 0; i < left; i++) order[i] = (int32_t)i;
    while (taken < shots && left > 0) {
        const int64_t at = (int64_t)(((uint64_t)random_bits(key, turn++) * (uint64_t)left) >> 32);
        const int32_t shot = order[at];
        order[at] = order[--left];
        if (!json_equal(from->all[shot].json, own)) drawn[taken++] = shot;
    }
    free(order);
    return taken == shots ? LTM_OK : fail_shots(shots, taken, error);
}

ltm_status prompt_make(char **text, const struct task *task, int64_t item, int choice, int shots, uint64_t seed,
                       struct ltm_error *error) {
    const struct task_item *asked = &task->items.all[item];
    const char *description = NULL;
    char *made = NULL;
    int32_t *drawn = NULL;
    ltm_status status = LTM_OK;
    struct memory_stream out;
    *text = NULL;
    TRY(NEW_ARRAY(drawn, (size_t)shots + 1, "shots", error));
    if (shots)
        TRY(task->first_n ? take_first(drawn, task, item, shots, error)
                          : draw_shots(drawn, task, item, shots, seed, error));
    if (*task->description) TRY(template_text(&made, task->description, asked->json, error));
    description = made ? made : "";
    memory_stream_open(&out);
    if (out.stream) fputs(description, out.stream);
    for (int i = 0; out.stream && i < shots; i++) {
        const struct task_item *shot = &task->shots.all[drawn[i]];
        fprintf(out.stream, "%s%s%s%s", shot->context, task->delimiter, shot->answer, task->separator);
    }
    if (out.stream) fputs(asked->contexts ? asked->contexts[choice] : asked->context, out.stream);
    *text = memory_stream_close(&out);
    if (!*text) status = fail_memory(error, 0, "a prompt");
cleanup:
    free(made);
    free(drawn);
    return status;
}
