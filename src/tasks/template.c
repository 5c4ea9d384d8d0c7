#include "tasks/template.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory_stream.h"

enum { NAME_MOST = 128, WORD_MOST = 1024 };

void text_list_free(struct text_list *list) {
    for (int i = 0; i < list->count; i++) free(list->all[i]);
    free(list->all);
    *list = (struct text_list){0};
}

ltm_status text_list_add(struct text_list *list, const char *text, struct ltm_error *error) {
    char **all = realloc(list->all, ((size_t)list->count + 1) * sizeof *all);
    if (all) list->all = all;
    char *copy = all ? strdup(text) : NULL;
    if (!copy) return fail_memory(error, strlen(text), "a text");
    all[list->count++] = copy;
    return LTM_OK;
}

/* What stands at a path, a new reference; NULL where that is nothing. */
static json_t *walk(json_t *at, const char *path) {
    char name[NAME_MOST];
    if (!*path) return json_is_null(at) ? NULL : json_incref(at);
    const size_t bytes = strcspn(path, ".");
    snprintf(name, sizeof name, "%.*s", (int)bytes, path);
    const char *rest = path + bytes + (path[bytes] == '.');
    const bool number = strspn(name, "0123456789") == strlen(name);
    if (json_is_array(at) && number)
        at = json_array_get(at, strtoul(name, NULL, 10));
    else if (!json_is_array(at))
        at = json_object_get(at, name);
    else {
        json_t *all = json_array();
        json_t *element;
        size_t i;
        json_array_foreach(at, i, element) {
            if (json_array_append_new(all, walk(element, path)) == 0) continue;
            json_decref(all);
            return NULL;
        }
        return all;
    }
    return at ? walk(at, rest) : NULL;
}

static char *text_of(const json_t *value) {
    if (json_is_string(value)) return strdup(json_string_value(value));
    if (json_is_boolean(value)) return strdup(json_is_true(value) ? "true" : "false");
    if (json_is_number(value)) return json_text(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(12));
    return NULL;
}

static char *stripped(const char *text) {
    static const char blanks[] = " \t\r\n\f\v";
    text += strspn(text, blanks);
    size_t bytes = strlen(text);
    while (bytes > 0 && strchr(blanks, text[bytes - 1])) bytes--;
    return strndup(text, bytes);
}

/* NULL: no memory, or *unknown. */
static char *filtered(const char *text, const char *filter, bool *unknown) {
    const char *argument = strchr(filter, ' ');
    argument = argument ? argument + 1 : "";
    const char *found = *argument ? strstr(text, argument) : NULL;
    if (strncmp(filter, "before ", 7) == 0) return strndup(text, found ? (size_t)(found - text) : strlen(text));
    if (strncmp(filter, "after ", 6) == 0) return strdup(found ? found + strlen(argument) : "");
    if (strcmp(filter, "strip") == 0) return stripped(text);
    const bool capital = strcmp(filter, "capitalize") == 0;
    *unknown = !capital && strcmp(filter, "lower") != 0;
    char *copy = *unknown ? NULL : strdup(text);
    for (char *c = copy; c && *c; c++)
        *c = (char)(capital && c == copy ? toupper((unsigned char)*c) : tolower((unsigned char)*c));
    return copy;
}

/* Each text of a value through one filter, in place of the reference. */
static ltm_status filter_value(json_t **value, const char *filter, struct ltm_error *error) {
    if (json_is_array(*value)) {
        json_t *all = json_array();
        for (size_t i = 0; i < json_array_size(*value); i++) {
            json_t *element = json_incref(json_array_get(*value, i));
            ltm_status status = filter_value(&element, filter, error);
            json_array_append_new(all, element);
            if (status == LTM_OK) continue;
            json_decref(all);
            return status;
        }
        json_decref(*value);
        *value = all;
        return LTM_OK;
    }
    bool unknown = false;
    char *text = text_of(*value);
    char *made = text ? filtered(text, filter, &unknown) : NULL;
    json_t *result = made ? json_string(made) : NULL;
    free(text), free(made);
    if (unknown)
        return fail(error, LTM_INVALID, "there is no filter \"%.60s\"; use before, after, strip, capitalize or lower",
                    filter);
    if (!result) return fail(error, LTM_INVALID, "\"%.60s\" needs a text", filter);
    json_decref(*value);
    *value = result;
    return LTM_OK;
}

/* What stands between braces. */
static ltm_status field_value(json_t **value, const char *field, size_t bytes, const json_t *item,
                              struct ltm_error *error) {
    char copy[WORD_MOST];
    *value = NULL;
    if (bytes >= sizeof copy) return fail(error, LTM_INVALID, "a field's name has %zu bytes", bytes);
    memcpy(copy, field, bytes);
    copy[bytes] = 0;
    char *filters = strchr(copy, ':');
    if (filters) *filters++ = 0;
    for (char *names = copy, *name; !*value && (name = strsep(&names, "|"));) *value = walk((json_t *)item, name);
    if (!*value) return fail(error, LTM_INVALID, "the key \"%.*s\" is missing", (int)strcspn(field, ":}"), field);
    for (char *filter; filters && (filter = strsep(&filters, ":"));) {
        ltm_status status = filter_value(value, filter, error);
        if (status == LTM_OK) continue;
        json_decref(*value);
        *value = NULL;
        return status;
    }
    return LTM_OK;
}

static ltm_status put_field(FILE *out, const char *field, size_t bytes, const json_t *item, struct ltm_error *error) {
    json_t *value;
    ltm_status status = field_value(&value, field, bytes, item, error);
    if (status != LTM_OK) return status;
    char *text = text_of(value);
    json_decref(value);
    if (!text) return fail(error, LTM_INVALID, "\"%.*s\" is neither a text nor a number", (int)bytes, field);
    fputs(text, out);
    free(text);
    return LTM_OK;
}

ltm_status template_text(char **text, const char *template, const json_t *item, struct ltm_error *error) {
    struct memory_stream out;
    ltm_status status = LTM_OK;
    memory_stream_open(&out);
    for (const char *c = template; out.stream && *c && status == LTM_OK;) {
        const char *end = *c == '{' && c[1] != '{' ? strchr(c, '}') : NULL;
        if (end) {
            status = put_field(out.stream, c + 1, (size_t)(end - c - 1), item, error);
            c = end + 1;
            continue;
        }
        if (*c == '{' && c[1] == '{') c++;
        fputc(*c++, out.stream);
    }
    *text = memory_stream_close(&out);
    if (status == LTM_OK && !*text) return fail_memory(error, strlen(template), "a text");
    if (status != LTM_OK) {
        free(*text);
        *text = NULL;
    }
    return status;
}

/* Whether a template is one field and no more. */
static bool is_field(const char *template) {
    const char *end = strchr(template, '}');
    return template[0] == '{' && template[1] != '{' && end && !end[1];
}

ltm_status template_value(json_t **value, const char *template, const json_t *item, struct ltm_error *error) {
    if (is_field(template)) return field_value(value, template + 1, strlen(template) - 2, item, error);
    char *text;
    ltm_status status = template_text(&text, template, item, error);
    *value = status == LTM_OK ? json_string(text) : NULL;
    free(text);
    return status == LTM_OK && !*value ? json_fail_memory("a text", error) : status;
}

void template_unescape(char *value, const char *text, size_t bytes, bool quoted) {
    for (size_t i = 0; i < bytes; i++) {
        const char next = text[i] == '\\' && i + 1 < bytes ? text[i + 1] : 0;
        if (next == 'n' || next == 't') {
            *value++ = next == 'n' ? '\n' : '\t';
            i++;
        } else {
            if (!(quoted && next == '"')) *value++ = text[i];
            if (next) *value++ = text[++i];
        }
    }
    *value = 0;
}

bool template_word(const char **at, char *word, size_t size) {
    const char *from = *at + strspn(*at, " \t");
    const bool quoted = *from == '"';
    if (!*from) return false;
    from += quoted;
    const char *end = from;
    for (bool braces = false; *end; end++) {
        if (quoted ? *end == '"' : !braces && strchr(" \t", *end)) break;
        if (*end == '{' || *end == '}') braces = *end == '{';
        if (*end == '\\' && end[1]) end++;
    }
    const size_t bytes = (size_t)(end - from) < size ? (size_t)(end - from) : size - 1;
    template_unescape(word, from, bytes, quoted);
    *at = end + (quoted && *end);
    return true;
}

static ltm_status add_word(struct text_list *list, const char *word, const json_t *item, struct ltm_error *error) {
    json_t *value;
    ltm_status status = template_value(&value, word, item, error);
    if (status != LTM_OK) return status;
    const size_t count = json_is_array(value) ? json_array_size(value) : 1;
    for (size_t i = 0; status == LTM_OK && i < count; i++) {
        char *text = text_of(json_is_array(value) ? json_array_get(value, i) : value);
        status = text ? text_list_add(list, text, error)
                      : fail(error, LTM_INVALID, "%.60s has an element that is neither a text nor a number", word);
        free(text);
    }
    json_decref(value);
    return status;
}

ltm_status template_list(struct text_list *list, const char *templates, const json_t *item, struct ltm_error *error) {
    char word[WORD_MOST];
    ltm_status status = LTM_OK;
    *list = (struct text_list){0};
    while (status == LTM_OK && template_word(&templates, word, sizeof word)) status = add_word(list, word, item, error);
    if (status != LTM_OK) text_list_free(list);
    return status;
}
