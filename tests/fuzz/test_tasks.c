/* Fuzz target: few-shot tasks (task.ini, items, shots) and files of prompts; by the first byte. */
#define FUZZ_NAME "tasks"
#include "fuzz/fuzz.h"

#include "ltm/samples.h"
#include "tasks/family.h"
#include "tasks/prompt.h"
#include "tasks/task.h"

/* What a family measures of outputs: the item's own texts stand for what a model writes. */
static void measure(const struct task *task, const struct task_item *item) {
    struct family_metric metrics[32];
    const char *const outputs[] = {item->answer, item->context, "A 4, B 6", "1 + 1 = 2. #### 2", "-0.50"};
    for (size_t i = 0; i < sizeof outputs / sizeof *outputs; i++) {
        const int count = family_measure(task->family, item->json, outputs[i], i % 2, metrics, 32);
        FUZZ_CHECK(count >= 0 && count <= 32);
        for (int m = 0; m < count; m++) {
            char shown[sizeof metrics->name];
            FUZZ_CHECK(strcmp(ltm_printable(shown, sizeof shown, metrics[m].name), metrics[m].name) == 0);
        }
    }
}

/* A task's name becomes part of a file's. */
static void look_at_name(const char *name) {
    FUZZ_CHECK(*name && *name != '.' && strlen(name) < TASK_NAME);
    for (const unsigned char *c = (const unsigned char *)name; *c; c++) FUZZ_CHECK(*c > 0x20 && *c < 0x7f && *c != '/');
}

static void take_answers(const struct task *task, const struct task_item *item) {
    struct ltm_error error = {0};
    for (int f = 0; f < task->rules.filter_count; f++) {
        char *answer = NULL;
        bool right;
        if (!fuzz_ok(answer_extract(&answer, &task->rules.filters[f], item->answer, &error), &error)) continue;
        fuzz_ok(answer_is_right(&right, &task->rules, &task->rules.filters[f], item->answer, answer, &error), &error);
        free(answer);
    }
    const size_t bytes = strnlen(item->context, 4096);
    FUZZ_CHECK(answer_stop(&task->rules, item->context, bytes) <= bytes);
}

static void read_task(const uint8_t *data, size_t size, bool packed) {
    struct ltm_error error = {0};
    struct task *task = NULL;
    const struct fuzz_part ini = fuzz_part(&data, &size);
    const struct fuzz_part items = fuzz_part(&data, &size);
    const char *path = fuzz_put("task.ini", ini.data, ini.size);
    fuzz_put(packed ? "test.jsonl.gz" : "test.jsonl", items.data, items.size);
    fuzz_put("train.jsonl", data, size);
    if (!fuzz_ok(task_load(&task, path, &error), &error)) return;
    look_at_name(task->name);
    for (int64_t i = 0; i < task->items.count && i < 16; i++) {
        char *text = NULL;
        const struct task_item *item = &task->items.all[i];
        FUZZ_CHECK(item->context && item->answer && item->gold >= 0 && item->gold <= item->count);
        take_answers(task, item);
        if (*task->family) measure(task, item);
        for (int shots = 0; shots <= 2; shots++) {
            if (!fuzz_ok(prompt_make(&text, task, i, 0, shots, 1, &error), &error)) continue;
            FUZZ_CHECK(strlen(text) >= strlen(item->context));
            free(text);
        }
    }
    task_free(task);
}

static void read_prompts(const char *name, const uint8_t *data, size_t size) {
    struct ltm_error error = {0};
    struct ltm_prompts prompts;
    if (fuzz_ok(ltm_prompts_read(&prompts, fuzz_put(name, data, size), NULL, &error), &error)) {
        FUZZ_CHECK(prompts.count > 0);
        for (int64_t i = 0; i < prompts.count; i++) FUZZ_CHECK(strlen(prompts.texts[i]) <= size);
    }
    ltm_prompts_free(&prompts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) return 0;
    switch (data[0] % 4) {
    case 0:
        read_task(data + 1, size - 1, false);
        break;
    case 1:
        read_task(data + 1, size - 1, true);
        break;
    case 2:
        read_prompts("prompts.txt", data + 1, size - 1);
        break;
    default:
        read_prompts("prompts.jsonl", data + 1, size - 1);
    }
    return 0;
}
