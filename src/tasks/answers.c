#include "tasks/answers.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory_stream.h"

enum { GROUPS_MOST = 10, COPIES_MOST = 1000 };

/* What can be wrong with a pattern that is a regular expression, since it may come from anybody: regcomp writes repetitions out,
 * one within the other, and matching back-references can take for ever. */
static const char *pattern_fault(const char *pattern) {
    unsigned long copies = 1;
    bool listed = false; /* within [ ], where only its end and [:alpha:] and the like are special */
    for (const char *c = pattern; *c; c++) {
        if (listed && *c == '[' && c[1] && strchr(":.=", c[1])) {
            const char end[] = {c[1], ']', 0};
            const char *found = strstr(c + 2, end);
            if (found) c = found + 1;
        } else if (listed && *c == '\\' && c[1]) {
            c++;
        } else if (listed) {
            listed = *c != ']';
        } else if (*c == '\\' && c[1]) {
            if (*++c >= '1' && *c <= '9') return "it contains a back-reference, which is not supported";
        } else if (c[0] == '(' && c[1] == '?') {
            return "it contains a group of the form (?…), which POSIX expressions do not have";
        } else if (strchr("*+?}", *c) && c[1] == '?') {
            return "it contains a lazy repetition, which POSIX expressions do not have";
        } else if (*c == '[') {
            listed = true;
            c += c[1] == '^';
            c += c[1] == ']'; /* the first is one of the list */
        } else if (*c == '{') {
            char *end;
            const unsigned long least = strtoul(c + 1, &end, 10);
            const unsigned long most = *end == ',' ? strtoul(end + 1, NULL, 10) : 0;
            const unsigned long times = most > least ? most : least;
            if (times > COPIES_MOST || (copies *= times ? times : 1) > COPIES_MOST)
                return "its nested repetitions {…} make more than 1000 copies";
        }
    }
    return NULL;
}

/* What \d, \s and \w stand for within [ ]. */
static const char *class_of(char letter) {
    switch (letter) {
    case 'd':
        return "0-9";
    case 's':
        return "[:space:]";
    case 'w':
        return "[:alnum:]_";
    default:
        return NULL;
    }
}

/* A list [ … ] in which \ takes what follows as it is, or as a class; POSIX wants ] first and - last. Returns what is behind it. */
static const char *put_list(FILE *out, const char *from) {
    bool bracket = false;
    bool dash = false;
    const char *c = from + 1;
    fputc('[', out);
    if (*c == '^') fputc(*c++, out);
    for (const char *look = c; *look && (*look != ']' || look == c); look++) { /* what must stand first */
        if (*look == '[' && look[1] && strchr(":.=", look[1])) {
            const char *end = strchr(look + 2, ']');
            look = end ? end : look;
        } else if (*look == '\\' && look[1])
            bracket = *++look == ']' || bracket;
    }
    if (bracket) fputc(']', out);
    for (const char *begin = c; *c && (*c != ']' || c == begin); c++) {
        const char *end = *c == '[' && c[1] && strchr(":.=", c[1]) ? strchr(c + 2, ']') : NULL;
        if (end) {
            fprintf(out, "%.*s", (int)(end + 1 - c), c);
            c = end;
        } else if (*c == '\\' && c[1]) {
            const char *class = class_of(*++c);
            if (class)
                fputs(class, out);
            else if (*c == '-')
                dash = true;
            else if (*c != ']')
                fputc(*c, out);
        } else
            fputc(*c, out);
    }
    if (dash) fputc('-', out);
    if (*c) fputc(*c++, out);
    return c;
}

/* A pattern as people write it for Python, as a POSIX one: \d, \s, \w and their capitals, alone and in lists. NULL: no memory. */
static char *posix_pattern(const char *pattern) {
    struct memory_stream out;
    memory_stream_open(&out);
    for (const char *c = pattern; out.stream && *c;) {
        const char *class = *c == '\\' && c[1] ? class_of((char)tolower((unsigned char)c[1])) : NULL;
        if (class) {
            fprintf(out.stream, "[%s%s]", isupper((unsigned char)c[1]) ? "^" : "", class);
            c += 2;
        } else if (*c == '[') {
            c = put_list(out.stream, c);
        } else {
            if (*c == '\\' && c[1]) fputc(*c++, out.stream);
            fputc(*c++, out.stream);
        }
    }
    return memory_stream_close(&out);
}

static ltm_status compile(regex_t *regex, const char *key, const char *pattern, struct ltm_error *error) {
    const char *fault = pattern_fault(pattern);
    if (fault) return fail(error, LTM_INVALID, "%s = %.200s cannot be used: %s", key, pattern, fault);
    char *posix = posix_pattern(pattern);
    if (!posix) return fail_memory(error, strlen(pattern), key);
    const int code = regcomp(regex, posix, REG_EXTENDED);
    free(posix);
    if (code == 0) return LTM_OK;
    if (code == REG_ESPACE) return fail_memory(error, 0, key);
    char why[120];
    regerror(code, regex, why, sizeof why);
    return fail(error, LTM_INVALID, "%s = %.200s is not a POSIX extended regular expression: %s", key, pattern, why);
}

static ltm_status add_filter(struct answer_rules *rules, const char *name, const char *pattern, bool last,
                             struct ltm_error *error) {
    struct answer_filter *filter = &rules->filters[rules->filter_count];
    *filter = (struct answer_filter){.all = pattern == NULL, .last = last};
    strcpy(filter->name, name);
    ltm_status status = pattern ? compile(&filter->regex, "extract", pattern, error) : LTM_OK;
    if (status == LTM_OK) rules->filter_count++;
    return status;
}

ltm_status answer_rules_create(struct answer_rules *rules, const struct answer_patterns *patterns,
                               struct ltm_error *error) {
    ltm_status status = LTM_OK;
    *rules = (struct answer_rules){.ignore_case = patterns->ignore_case};
    TRY(add_filter(rules, patterns->extract ? "extract" : "none", patterns->extract, patterns->last, error));
    if (patterns->stop) TRY(compile(&rules->stop, "stop", patterns->stop, error));
    rules->has_stop = patterns->stop != NULL;
    for (; rules->ignored < patterns->ignored; rules->ignored++)
        TRY(compile(&rules->ignore[rules->ignored], "ignore", patterns->ignore[rules->ignored], error));
    return LTM_OK;
cleanup:
    answer_rules_free(rules);
    return status;
}

/* lm_eval/tasks/gsm8k/gsm8k.yaml, version 3. */
ltm_status answer_rules_gsm8k(struct answer_rules *rules, struct ltm_error *error) {
    const struct answer_patterns patterns = {.extract = "#### (-?[0-9.,]+)",
                                             .stop = "Question:|</s>|<\\|im_end\\|>",
                                             .ignore = {",", "\\$", ".*#### ", "\\.$"},
                                             .ignored = 4,
                                             .ignore_case = true};
    PASS_UP(answer_rules_create(rules, &patterns, error));
    strcpy(rules->filters[0].name, "strict-match");
    ltm_status status = add_filter(rules, "flexible-extract", "(-?[$0-9.,]{2,})|(-?[0-9]+)", true, error);
    if (status != LTM_OK) answer_rules_free(rules);
    return status;
}

void answer_rules_free(struct answer_rules *rules) {
    for (int i = 0; i < rules->filter_count; i++)
        if (!rules->filters[i].all) regfree(&rules->filters[i].regex);
    if (rules->has_stop) regfree(&rules->stop);
    for (int i = 0; i < rules->ignored; i++) regfree(&rules->ignore[i]);
    *rules = (struct answer_rules){0};
}

/* The next match that is not empty, from `at` on; groups count from the text's beginning. */
static bool next_match(const regex_t *regex, const char *text, size_t at, size_t bytes, regmatch_t *groups) {
    while (at < bytes) {
        groups[0] = (regmatch_t){.rm_so = (regoff_t)at, .rm_eo = (regoff_t)bytes};
        const int flags = REG_STARTEND | (at ? REG_NOTBOL : 0);
        if (regexec(regex, text, GROUPS_MOST, groups, flags) != 0) return false;
        if (groups[0].rm_eo > groups[0].rm_so) return true;
        at = (size_t)groups[0].rm_eo + 1;
    }
    return false;
}

size_t answer_stop(const struct answer_rules *rules, const char *text, size_t bytes) {
    regmatch_t groups[GROUPS_MOST];
    if (!rules->has_stop || !next_match(&rules->stop, text, 0, bytes, groups)) return bytes;
    return (size_t)groups[0].rm_so;
}

/* The first group that holds something, or the whole match of an expression without groups. */
static regmatch_t answer_group(const regex_t *regex, const regmatch_t *groups) {
    for (size_t i = 1; i <= regex->re_nsub && i < GROUPS_MOST; i++)
        if (groups[i].rm_so >= 0 && groups[i].rm_eo > groups[i].rm_so) return groups[i];
    return groups[0];
}

/* [*from, *to) is what a filter takes; false where it finds nothing. */
static bool find_answer(const struct answer_filter *filter, const char *text, size_t *from, size_t *to) {
    regmatch_t groups[GROUPS_MOST];
    const size_t bytes = strlen(text);
    bool found = filter->all;
    *from = 0;
    *to = bytes;
    for (size_t at = 0; !filter->all && next_match(&filter->regex, text, at, bytes, groups);) {
        const regmatch_t group = answer_group(&filter->regex, groups);
        *from = (size_t)group.rm_so;
        *to = (size_t)group.rm_eo;
        found = true;
        at = (size_t)groups[0].rm_eo;
        if (!filter->last) break;
    }
    return found;
}

static bool is_blank(char c) { return c && strchr(" \t\r\n\f\v", c); }

static ltm_status copy_trimmed(char **copy, const char *text, size_t bytes, struct ltm_error *error) {
    while (bytes > 0 && is_blank(text[bytes - 1])) bytes--;
    for (; bytes > 0 && is_blank(*text); bytes--) text++;
    *copy = strndup(text, bytes);
    return *copy ? LTM_OK : fail_memory(error, bytes, "an answer");
}

ltm_status answer_extract(char **answer, const struct answer_filter *filter, const char *text,
                          struct ltm_error *error) {
    size_t from;
    size_t to;
    if (!find_answer(filter, text, &from, &to)) return copy_trimmed(answer, "[invalid]", 9, error);
    return copy_trimmed(answer, text + from, to - from, error);
}

/* Take every match of an expression out of a text, in place. */
static void remove_matches(const regex_t *regex, char *text) {
    regmatch_t groups[GROUPS_MOST];
    size_t bytes = strlen(text);
    size_t read = 0;
    size_t written = 0;
    while (next_match(regex, text, read, bytes, groups)) {
        const size_t keep = (size_t)groups[0].rm_so - read;
        memmove(text + written, text + read, keep);
        written += keep;
        read = (size_t)groups[0].rm_eo;
    }
    memmove(text + written, text + read, bytes - read + 1);
}

ltm_status answer_is_right(bool *right, const struct answer_rules *rules, const struct answer_filter *filter,
                           const char *gold, const char *answer, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    char *sides[2] = {NULL, NULL};
    char *plain[2] = {NULL, NULL};
    size_t from;
    size_t to;
    *right = false;
    if (!find_answer(filter, gold, &from, &to)) {
        from = 0;
        to = strlen(gold);
    }
    TRY(copy_trimmed(&sides[0], gold + from, to - from, error));
    TRY(copy_trimmed(&sides[1], answer, strlen(answer), error));
    for (int i = 0; i < 2; i++) {
        for (int k = 0; k < rules->ignored; k++) remove_matches(&rules->ignore[k], sides[i]);
        TRY(copy_trimmed(&plain[i], sides[i], strlen(sides[i]), error));
    }
    *right = (rules->ignore_case ? strcasecmp(plain[0], plain[1]) : strcmp(plain[0], plain[1])) == 0;
cleanup:
    for (int i = 0; i < 2; i++) free(sides[i]), free(plain[i]);
    return status;
}

/* ---- Words, as SQuAD compares them ---- */

ltm_status answer_rules_coqa(struct answer_rules *rules, struct ltm_error *error) {
    const struct answer_patterns patterns = {.extract = "[^\n]*[^[:space:]][^\n]*", .stop = "\nQ:"};
    ltm_status status = answer_rules_create(rules, &patterns, error);
    if (status != LTM_OK) return status;
    strcpy(rules->filters[0].name, "none");
    rules->squad = true;
    return LTM_OK;
}

/* Small letters, no punctuation, no articles, one blank between words. */
static char *normalise(const char *text) {
    static const char *const articles[] = {"a", "an", "the"};
    char *copy = strdup(text);
    char *to = copy;
    for (char *c = copy; c && *c; c++)
        if (!ispunct((unsigned char)*c)) *to++ = (char)tolower((unsigned char)*c);
    if (!copy) return NULL;
    *to = 0;
    char *made = malloc(strlen(copy) + 1);
    if (made) *made = 0;
    char *place = NULL;
    for (char *word = strtok_r(copy, " \t\r\n\f\v", &place); made && word;
         word = strtok_r(NULL, " \t\r\n\f\v", &place)) {
        bool article = false;
        for (int i = 0; i < 3; i++) article = article || strcmp(word, articles[i]) == 0;
        if (article) continue;
        if (*made) strcat(made, " ");
        strcat(made, word);
    }
    free(copy);
    return made;
}

static int count_words(const char *text) {
    int count = *text != 0;
    for (; *text; text++) count += *text == ' ';
    return count;
}

/* How many words two normalised texts share, each as often as it stands in both. */
static int shared_words(const char *a, char *b) {
    int shared = 0;
    while (*a) {
        const size_t bytes = strcspn(a, " ");
        for (char *at = b; *at; at += strcspn(at, " "), at += *at == ' ')
            if (strcspn(at, " ") == bytes && memcmp(at, a, bytes) == 0) {
                memset(at, 1, bytes); /* taken */
                shared++;
                break;
            }
        a += bytes + (a[bytes] == ' ');
    }
    return shared;
}

static ltm_status compare_words(double *em, double *f1, const char *gold, const char *answer, struct ltm_error *error) {
    char *a = normalise(gold);
    char *b = normalise(answer);
    if (!a || !b) {
        free(a), free(b);
        return fail_memory(error, strlen(answer), "an answer");
    }
    const int words_a = count_words(a);
    const int words_b = count_words(b);
    *em = strcmp(a, b) == 0;
    const int shared = shared_words(a, b);
    *f1 = words_a == 0 || words_b == 0 ? words_a == words_b : 2.0 * shared / (words_a + words_b);
    free(a), free(b);
    return LTM_OK;
}

ltm_status answer_em_f1(double *em, double *f1, char *const *golds, int count, const char *answer,
                        struct ltm_error *error) {
    *em = *f1 = 0;
    for (int out = 0; out < count; out++) { /* left out, where there are others */
        double best_em = 0;
        double best_f1 = 0;
        for (int i = 0; i < count; i++) {
            double one_em = 0;
            double one_f1 = 0;
            if (i == out && count > 1) continue;
            ltm_status status = compare_words(&one_em, &one_f1, golds[i], answer, error);
            if (status != LTM_OK) return status;
            best_em = one_em > best_em ? one_em : best_em;
            best_f1 = one_f1 > best_f1 ? one_f1 : best_f1;
        }
        *em += best_em / count;
        *f1 += best_f1 / count;
    }
    return LTM_OK;
}
