#include "tasks/task_items.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/files.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/memory_stream.h"
#include "tasks/item_file.h"

enum {
    GOLDS_MOST = 1 << 28,
    ANSWER_MOST = 16 * 1024
}; /* bytes: time to match an expression may grow as their square */

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
        return fail(error, LTM_INVALID, "\"choices\" is not a list of two or more strings");
    const size_t count = json_array_size(choices);
    if (!json_is_integer(gold) || json_integer_value(gold) < 0 || json_integer_value(gold) >= (json_int_t)count)
        return fail(error, LTM_INVALID, "\"gold\" is not the index of a choice, 0 to %zu", count - 1);
    PASS_UP(NEW_ARRAY(item->choices, count, "choices", error));
    item->count = (int)count;
    item->gold = (int)json_integer_value(gold);
    for (size_t i = 0; i < count; i++) {
        const json_t *choice = json_array_get(choices, i);
        if (!json_is_string(choice) || json_string_length(choice) == 0)
            return fail(error, LTM_INVALID, "choice %zu is not a string, or is empty", i);
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

static ltm_status check_answer(const char *answer, struct ltm_error *error) {
    if (!*answer) return fail(error, LTM_INVALID, "\"answer\" is empty");
    if (strlen(answer) <= ANSWER_MOST) return LTM_OK;
    return fail(error, LTM_INVALID, "\"answer\" has %zu bytes; the maximum is %d", strlen(answer), ANSWER_MOST);
}

static ltm_status take_asked(struct task_item *item, const json_t *object, bool gsm8k, struct ltm_error *error) {
    const bool question = gsm8k || !json_object_get(object, "context");
    if (question && !json_object_get(object, "question"))
        return fail(error, LTM_INVALID, "%s",
                    gsm8k ? "the key \"question\" is missing" : "there is neither a \"context\" nor a \"question\"");
    ltm_status status =
        question ? take_question(item, object, error) : take_text(&item->context, object, "context", true, error);
    if (status == LTM_OK) status = take_text(&item->answer, object, "answer", false, error);
    return status == LTM_OK ? check_answer(item->answer, error) : status;
}

/* ---- Templates ---- */

/* As lm-evaluation-harness cleans HellaSwag, whose texts from WikiHow hold marks in brackets. */
static void clean_wikihow(char *text) {
    char *to = text;
    const char *from = text + strspn(text, " \t\r\n");
    for (char *end = text + strlen(text); end > from && strchr(" \t\r\n", end[-1]);) *--end = 0;
    while (*from) {
        const char *close = *from == '[' ? strchr(from, ']') : NULL;
        if (strncmp(from, " [title]", 8) == 0) {
            *to++ = '.', *to++ = ' ';
            from += 8;
        } else if (close && !memchr(from, '\n', (size_t)(close - from)))
            from = close + 1;
        else
            *to++ = *from++;
    }
    *to = 0;
    for (to = text, from = text; *from; from += from[0] == ' ' && from[1] == ' ' ? 2 : 1) *to++ = *from;
    *to = 0;
}

/* Which choice a value names: by its place, its label, its letter, its text; true and false are 1 and 0. -1: none. */
static int place_of(const json_t *value, const struct text_list *choices, const struct text_list *labels) {
    const struct text_list *names = labels->count ? labels : choices;
    const char *word = json_string_value(value);
    char number[24] = "";
    if (json_is_boolean(value)) return json_is_true(value);
    if (json_is_integer(value)) snprintf(number, sizeof number, "%lld", (long long)json_integer_value(value));
    if (*number) word = number;
    const bool digits = word && *word && strlen(word) < 9 && strspn(word, "0123456789") == strlen(word);
    if (!labels->count && digits) return atoi(word);
    for (int i = 0; word && i < names->count; i++)
        if (strcmp(word, names->all[i]) == 0) return i;
    if (!labels->count && word && strlen(word) == 1 && *word >= 'A' && *word <= 'Z') return *word - 'A';
    return -1;
}

static ltm_status take_gold(struct task_item *item, const struct task_form *form, const struct text_list *choices,
                            const json_t *object, struct ltm_error *error) {
    struct text_list labels = {0};
    json_t *gold = NULL;
    ltm_status status = LTM_OK;
    if (*form->labels) TRY(template_list(&labels, form->labels, object, error));
    TRY(template_value(&gold, *form->gold ? form->gold : "{gold}", object, error));
    item->gold = place_of(gold, choices, &labels);
    if (item->gold < 0 || item->gold >= choices->count) {
        char *text = json_text(gold, JSON_ENCODE_ANY);
        status = fail(error, LTM_INVALID, "the gold answer %.80s is none of the %d choices", text ? text : "",
                      choices->count);
        free(text);
    }
cleanup:
    json_decref(gold);
    text_list_free(&labels);
    return status;
}

/* Choices behind one context, or one text behind several. */
static ltm_status take_templated_choices(struct task_item *item, const struct task_form *form, const json_t *object,
                                         struct ltm_error *error) {
    struct text_list choices = {0};
    ltm_status status = LTM_OK;
    char *end = NULL;
    TRY(template_list(&choices,
                      *form->contexts  ? form->contexts
                      : *form->choices ? form->choices
                                       : "{choices}",
                      object, error));
    if (choices.count < 2) {
        status = fail(error, LTM_INVALID, "there are fewer than two choices");
        goto cleanup;
    }
    TRY(take_gold(item, form, &choices, object, error));
    if (*form->contexts) {
        item->contexts = choices.all, item->count = choices.count;
        choices = (struct text_list){0};
        TRY(template_text(&end, *form->answer ? form->answer : "{answer}", object, error));
        for (int i = 0; i < item->count; i++) TRY(text_list_add(&choices, end, error));
        item->context = strdup(item->contexts[item->gold]);
    } else {
        TRY(template_text(&item->context, *form->context ? form->context : "{context}", object, error));
        if (form->wikihow) clean_wikihow(item->context);
    }
    item->choices = choices.all, item->count = choices.count;
    choices = (struct text_list){0};
    for (int i = 0; i < item->count; i++) {
        if (form->wikihow) clean_wikihow(item->choices[i]);
        if (*item->choices[i]) continue;
        status = fail(error, LTM_INVALID, "choice %d is empty", i);
        goto cleanup;
    }
    if (!item->context) status = fail_memory(error, 0, "an item");
cleanup:
    free(end);
    text_list_free(&choices);
    return status;
}

static ltm_status take_templated_answer(struct task_item *item, const struct task_form *form, const json_t *object,
                                        struct ltm_error *error) {
    json_t *answer = NULL;
    ltm_status status = LTM_OK;
    TRY(template_text(&item->context, *form->context ? form->context : "{context}", object, error));
    TRY(template_value(&answer, *form->answer ? form->answer : "{answer}", object, error));
    if (!json_is_array(answer)) {
        TRY(template_text(&item->answer, *form->answer ? form->answer : "{answer}", object, error));
    } else { /* any of them is right */
        if (json_array_size(answer) == 0) status = fail(error, LTM_INVALID, "the list of answers is empty");
        for (size_t i = 0; status == LTM_OK && i < json_array_size(answer); i++) {
            const char *text = json_string_value(json_array_get(answer, i));
            status = text ? check_answer(text, error) : fail(error, LTM_INVALID, "answer %zu is not a string", i);
            if (status == LTM_OK) status = text_list_add(&item->accepted, text, error);
        }
        if (status != LTM_OK) goto cleanup;
        item->answer = strdup(item->accepted.all[0]);
    }
    status = item->answer ? check_answer(item->answer, error) : fail_memory(error, 0, "an item");
cleanup:
    json_decref(answer);
    return status;
}

/* ---- CoQA ---- */

static const char *said(const json_t *list, size_t turn) {
    json_t *texts = json_object_get(list, "input_text"); /* a list of objects, or an object of lists */
    const char *text = json_is_array(list)
                           ? json_string_value(json_object_get(json_array_get(list, turn), "input_text"))
                           : json_string_value(json_array_get(texts, turn));
    return text ? text : "";
}

/* A story and what was asked of it, as the harness puts them: the last question is the item's. */
static ltm_status take_coqa(struct task_item *item, const json_t *object, struct ltm_error *error) {
    json_t *questions = json_object_get(object, "questions");
    const json_t *answers = json_object_get(object, "answers");
    const char *story = json_string_value(json_object_get(object, "story"));
    const size_t turns =
        json_array_size(json_is_array(questions) ? questions : json_object_get(questions, "input_text"));
    struct memory_stream out;
    json_t *more;
    const char *key;
    if (!story || turns == 0) return fail(error, LTM_INVALID, "there is no \"story\", or no \"questions\"");
    memory_stream_open(&out);
    if (out.stream) fprintf(out.stream, "%s\n\n", story);
    for (size_t t = 0; out.stream && t < turns; t++) {
        fprintf(out.stream, "Q: %s\n\nA:", said(questions, t));
        if (t + 1 < turns) fprintf(out.stream, " %s\n\n", said(answers, t));
    }
    item->context = memory_stream_close(&out);
    ltm_status status = item->context ? text_list_add(&item->accepted, said(answers, turns - 1), error)
                                      : fail_memory(error, strlen(story), "an item");
    json_object_foreach(json_object_get(object, "additional_answers"), key, more) {
        bool known = false;
        const char *text = said(more, turns - 1);
        for (int i = 0; i < item->accepted.count; i++) known = known || strcasecmp(item->accepted.all[i], text) == 0;
        if (status == LTM_OK && !known) status = text_list_add(&item->accepted, text, error);
    }
    if (status == LTM_OK) status = check_answer(item->accepted.all[0], error);
    if (status == LTM_OK && !(item->answer = strdup(item->accepted.all[0]))) status = fail_memory(error, 0, "an item");
    return status;
}

/* ---- The whole ---- */

/* Published forms by the keys that none of the others has, and the task in runs/tasks that reads them. */
static const char *known_form(const json_t *object) {
    static const char *const forms[][3] = {{"sol1", "goal", "piqa"},
                                           {"endings", "activity_label", "hellaswag"},
                                           {"option1", "sentence", "winogrande"},
                                           {"passage", "question", "boolq"},
                                           {"answerKey", "question", "arc"},
                                           {"story", "questions", "coqa"},
                                           {"sentence_good", "sentence_bad", "blimp"},
                                           {"canonical_solution", "prompt", "humaneval"},
                                           {"choices", "question", "mmlu"}};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (json_object_get(object, forms[i][0]) && json_object_get(object, forms[i][1])) return forms[i][2];
    return NULL;
}

static ltm_status take_item(struct task_item *item, const struct task_form *form, const json_t *object,
                            struct ltm_error *error) {
    const bool templates =
        *form->context || *form->contexts || *form->choices || *form->labels || *form->gold || *form->answer;
    ltm_status status;
    switch (form->kind) {
    case TASK_CHOICES:
        status = templates ? take_templated_choices(item, form, object, error) : take_choices(item, object, error);
        break;
    case TASK_PAIRS:
        status = take_pair(item, object, form->format == TASK_BLIMP, error);
        break;
    case TASK_LASTWORD:
        status = form->format == TASK_LAMBADA || !json_object_get(object, "context")
                     ? take_last_word(item, object, error)
                     : take_asked(item, object, false, error);
        break;
    default:
        status = templates                   ? take_templated_answer(item, form, object, error)
                 : form->format == TASK_COQA ? take_coqa(item, object, error)
                                             : take_asked(item, object, form->format == TASK_GSM8K, error);
    }
    if (status == LTM_INVALID && !templates && form->format == TASK_OWN && known_form(object))
        return fail_within(error, status, "it has the format that runs/tasks/%s.ini reads", known_form(object));
    if (status != LTM_OK || !item->choices) return status;
    item->answer = strdup(item->choices[item->gold]);
    return item->answer ? LTM_OK : fail_memory(error, strlen(item->choices[item->gold]), "an item");
}

static void item_free(struct task_item *item) {
    for (int i = 0; i < item->count; i++) {
        if (item->choices) free(item->choices[i]);
        if (item->contexts) free(item->contexts[i]);
    }
    free(item->choices);
    free(item->contexts);
    text_list_free(&item->accepted);
    free(item->context);
    free(item->answer);
    json_decref(item->json);
}

struct items_reading {
    struct task_items *items;
    const struct task_form *form;
    bool golds_named;
    char *golds; /* what is left of their file */
};

static ltm_status take_label(struct items_reading *reading, json_t *object, struct ltm_error *error) {
    char *line = reading->golds ? strsep(&reading->golds, "\n") : NULL;
    if (!line || !*line) return fail(error, LTM_INVALID, "the file of gold answers has no line for it");
    line[strcspn(line, "\r")] = 0;
    return json_object_set_new(object, "label", json_string(line)) == 0 ? LTM_OK : json_fail_memory("an item", error);
}

static ltm_status on_line(void *user, json_t *object, int64_t line, struct ltm_error *error) {
    struct items_reading *reading = user;
    struct task_items *items = reading->items;
    (void)line;
    if (items->count == TASK_ITEMS_MOST)
        return fail(error, LTM_INVALID, "there are more than %d items", TASK_ITEMS_MOST);
    PASS_UP(GROW_ARRAY(items->all, items->room, (size_t)items->count + 1, "items", error));
    if (reading->golds_named) PASS_UP(take_label(reading, object, error));
    struct task_item *item = &items->all[items->count];
    *item = (struct task_item){.json = json_incref(object)};
    ltm_status status = take_item(item, reading->form, object, error);
    if (status == LTM_OK)
        items->count++;
    else
        item_free(item);
    return status;
}

ltm_status task_items_read(struct task_items *items, const struct task_form *form, const char *path, const char *golds,
                           struct ltm_error *error) {
    struct items_reading reading = {.items = items, .form = form, .golds_named = golds};
    char *text = NULL;
    size_t bytes;
    ltm_status status = LTM_OK;
    if (golds) TRY(file_read_text(&text, &bytes, golds, GOLDS_MOST, error));
    reading.golds = text;
    TRY(item_file_read(path, form->header, on_line, &reading, error));
    if (items->count == 0) status = fail(error, LTM_INVALID, "%s contains no items", path);
cleanup:
    free(text);
    return status;
}

void task_items_free(struct task_items *items) {
    for (int64_t i = 0; i < items->count; i++) item_free(&items->all[i]);
    free(items->all);
    *items = (struct task_items){0};
}
