#include "tasks/task_items.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "tasks/json_lines.h"

enum { ANSWER_MOST = 16 * 1024 }; /* bytes: time to match an expression may grow as their square */

/* Where a field's text is wanted, and a number will do: "answer": 18. */
static ltm_status take_text(char **text, const json_t *object, const char *key, bool may_be_empty,
                            struct ltm_error *error) {
    const json_t *value = json_object_get(object, key);
    if (!value) return fail(error, LTM_INVALID, "the key \"%s\" is missing", key);
    if (json_is_string(value))
        *text = strdup(json_string_value(value));
    else if (json_is_number(value))
        *text = json_text(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(12));
    else
        return fail(error, LTM_INVALID, "\"%s\" is neither a text nor a number", key);
    if (!*text) return fail_memory(error, json_string_length(value), "an item");
    if (!**text && !may_be_empty) return fail(error, LTM_INVALID, "\"%s\" is empty", key);
    return LTM_OK;
}

static ltm_status take_choices(struct task_item *item, const json_t *object, struct ltm_error *error) {
    const json_t *choices = json_object_get(object, "choices");
    const json_t *gold = json_object_get(object, "gold");
    PASS_UP(take_text(&item->context, object, "context", true, error));
    if (!json_is_array(choices) || json_array_size(choices) < 2)
        return fail(error, LTM_INVALID, "\"choices\" is no list of two texts or more");
    const size_t count = json_array_size(choices);
    if (!json_is_integer(gold) || json_integer_value(gold) < 0 || json_integer_value(gold) >= (json_int_t)count)
        return fail(error, LTM_INVALID, "\"gold\" is not the place of a choice, 0 to %zu", count - 1);
    PASS_UP(NEW_ARRAY(item->choices, count, "choices", error));
    item->count = (int)count;
    item->gold = (int)json_integer_value(gold);
    for (size_t i = 0; i < count; i++) {
        const json_t *choice = json_array_get(choices, i);
        if (!json_is_string(choice) || json_string_length(choice) == 0)
            return fail(error, LTM_INVALID, "choice %zu is no text, or an empty one", i);
        item->choices[i] = strdup(json_string_value(choice));
        if (!item->choices[i]) return fail_memory(error, json_string_length(choice), "a choice");
    }
    return LTM_OK;
}

static ltm_status take_pair(struct task_item *item, const json_t *object, bool blimp, struct ltm_error *error) {
    PASS_UP(NEW_ARRAY(item->choices, 2, "sentences", error));
    item->count = 2;
    ltm_status status = take_text(&item->choices[0], object, blimp ? "sentence_good" : "good", false, error);
    if (status == LTM_OK) status = take_text(&item->choices[1], object, blimp ? "sentence_bad" : "bad", false, error);
    if (status == LTM_OK && !(item->context = strdup(""))) status = fail_memory(error, 1, "an item");
    return status;
}

/* The last word of a text, behind its last blank. */
static ltm_status take_last_word(struct task_item *item, const json_t *object, struct ltm_error *error) {
    static const char blanks[] = " \t\r\n";
    char *text = NULL;
    ltm_status status = LTM_OK;
    TRY(take_text(&text, object, "text", false, error));
    size_t end = strlen(text);
    while (end > 0 && strchr(blanks, text[end - 1])) end--;
    size_t word = end;
    while (word > 0 && !strchr(blanks, text[word - 1])) word--;
    if (word == 0) TRY(fail(error, LTM_INVALID, "\"text\" has fewer than two words"));
    item->context = strndup(text, word - 1);
    item->answer = strndup(text + word, end - word);
    if (!item->context || !item->answer) status = fail_memory(error, end, "an item");
cleanup:
    free(text);
    return status;
}

static ltm_status take_question(struct task_item *item, const json_t *object, struct ltm_error *error) {
    char *question = NULL;
    ltm_status status = take_text(&question, object, "question", false, error);
    if (status == LTM_OK && asprintf(&item->context, "Question: %s\nAnswer:", question) < 0) {
        item->context = NULL;
        status = fail_memory(error, strlen(question), "an item");
    }
    free(question);
    return status;
}

static ltm_status take_asked(struct task_item *item, const json_t *object, bool gsm8k, struct ltm_error *error) {
    const bool question = gsm8k || !json_object_get(object, "context");
    if (question && !json_object_get(object, "question"))
        return fail(error, LTM_INVALID, "%s",
                    gsm8k ? "the key \"question\" is missing" : "there is neither a \"context\" nor a \"question\"");
    ltm_status status =
        question ? take_question(item, object, error) : take_text(&item->context, object, "context", true, error);
    if (status == LTM_OK) status = take_text(&item->answer, object, "answer", false, error);
    if (status == LTM_OK && strlen(item->answer) > ANSWER_MOST)
        return fail(error, LTM_INVALID, "\"answer\" has %zu bytes, and %d are the most", strlen(item->answer),
                    ANSWER_MOST);
    return status;
}

static ltm_status take_item(struct task_item *item, enum task_kind kind, enum task_format format, const json_t *object,
                            struct ltm_error *error) {
    ltm_status status;
    switch (kind) {
    case TASK_CHOICES:
        status = take_choices(item, object, error);
        break;
    case TASK_PAIRS:
        status = take_pair(item, object, format == TASK_BLIMP, error);
        break;
    case TASK_LASTWORD:
        status = format == TASK_LAMBADA || !json_object_get(object, "context") ? take_last_word(item, object, error)
                                                                               : take_asked(item, object, false, error);
        break;
    default:
        status = take_asked(item, object, format == TASK_GSM8K, error);
    }
    if (status != LTM_OK || !item->choices) return status;
    item->answer = strdup(item->choices[item->gold]);
    return item->answer ? LTM_OK : fail_memory(error, strlen(item->choices[item->gold]), "an item");
}

static void item_free(struct task_item *item) {
    for (int i = 0; item->choices && i < item->count; i++) free(item->choices[i]);
    free(item->choices);
    free(item->context);
    free(item->answer);
    json_decref(item->json);
}

struct items_reading {
    struct task_items *items;
    enum task_kind kind;
    enum task_format format;
};

static ltm_status on_line(void *user, json_t *object, int64_t line, struct ltm_error *error) {
    const struct items_reading *reading = user;
    struct task_items *items = reading->items;
    (void)line;
    if (items->count == TASK_ITEMS_MOST)
        return fail(error, LTM_INVALID, "there are more than %d items", TASK_ITEMS_MOST);
    PASS_UP(GROW_ARRAY(items->all, items->room, (size_t)items->count + 1, "items", error));
    struct task_item *item = &items->all[items->count];
    *item = (struct task_item){.json = json_incref(object)};
    ltm_status status = take_item(item, reading->kind, reading->format, object, error);
    if (status == LTM_OK)
        items->count++;
    else
        item_free(item);
    return status;
}

ltm_status task_items_read(struct task_items *items, enum task_kind kind, enum task_format format, const char *path,
                           struct ltm_error *error) {
    struct items_reading reading = {items, kind, format};
    ltm_status status = json_lines_read(path, on_line, &reading, error);
    if (status == LTM_OK && items->count == 0) status = fail(error, LTM_INVALID, "%s holds no items", path);
    return status;
}

void task_items_free(struct task_items *items) {
    for (int64_t i = 0; i < items->count; i++) item_free(&items->all[i]);
    free(items->all);
    *items = (struct task_items){0};
}
