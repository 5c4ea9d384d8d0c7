/* Task files: each form, own and published, as it should load; everything malformed refused in words. */
#include <zlib.h>

#include "support/files.h"
#include "support/unit.h"

#include "base/files.h"
#include "tasks/task.h"

static const char *at(const char *name) { return test_path("task/%s", name); }

static void put(const char *name, const char *text) { assert_int_equal(file_write_text(at(name), text, NULL), LTM_OK); }

static struct task *load(const char *ini) {
    struct task *task;
    struct ltm_error error = {0};
    put("task.ini", ini);
    if (task_load(&task, at(""), &error) != LTM_OK) fail_msg("%s", error.message);
    return task;
}

static void choices_load(void **state) {
    (void)state;
    put("test.jsonl",
        "{\"context\": \"The sky is\", \"choices\": [\"red\", \"blue\", \"über\"], \"gold\": 1, \"more\": [7]}\n"
        "\n"
        "{\"context\": \"\", \"choices\": [\"a\", \"b\"], \"gold\": 0}");
    gzFile packed = gzopen(at("train.jsonl.gz"), "wb");
    assert_non_null(packed);
    gzputs(packed, "{\"context\": \"Snow is\", \"choices\": [\"white\", \"black\"], \"gold\": 0}\n");
    gzclose(packed);
    struct task *task = load("; colours\n[task]\nname = colours-1\n  kind = choices\nitems = test.jsonl\n"
                             "shots = train.jsonl.gz\ndelimiter = \" \"\nseparator = \"\\n--\\n\"\n");
    assert_string_equal(task->name, "colours-1");
    assert_int_equal(task->kind, TASK_CHOICES);
    assert_int_equal(task->items.count, 2);
    const struct task_item *item = &task->items.all[0];
    assert_string_equal(item->context, "The sky is");
    assert_int_equal(item->count, 3);
    assert_int_equal(item->gold, 1);
    assert_string_equal(item->choices[2], "über");
    assert_string_equal(item->answer, "blue");
    assert_int_equal(json_array_size(json_object_get(item->json, "more")), 1);
    assert_int_equal(task->shots.count, 1);
    assert_string_equal(task->shots.all[0].answer, "white");
    assert_string_equal(task->delimiter, " ");
    assert_string_equal(task->separator, "\n--\n");
    assert_int_equal(strlen(task->digest[1]), 16);
    task_free(task);
}

static void generate_loads(void **state) {
    (void)state;
    put("own.jsonl", "{\"context\": \"2 + 2 =\", \"answer\": 4}\n{\"question\": \"Why?\", \"answer\": \"So.\"}\n");
    struct task *task = load("[task]\nname=sums\nkind=generate\nitems=own.jsonl\nextract=(-?[0-9]+)\nmatch=last\n"
                             "stop=\\n|\\.\nignore=[,$]\nignore_case=yes\nlength=12\n");
    assert_string_equal(task->items.all[0].context, "2 + 2 =");
    assert_string_equal(task->items.all[0].answer, "4");
    assert_string_equal(task->items.all[1].context, "Question: Why?\nAnswer:");
    assert_string_equal(task->stop, "\n|\\.");
    assert_int_equal(answer_stop(&task->rules, "ab.c", 4), 2);
    assert_int_equal(answer_stop(&task->rules, "abc\n", 4), 3);
    assert_true(task->rules.filters[0].last);
    assert_int_equal(task->length, 12);
    assert_string_equal(task->delimiter, " ");
    task_free(task);

    task = load("[task]\nname=plain\nkind=generate\nitems=own.jsonl\nseparator=\"\\n*\\n\"\n");
    assert_int_equal(answer_stop(&task->rules, "a*\n\n*\nb", 7), 3); /* the separator, letter by letter */
    task_free(task);
}

static void quoted_values_stay_whole(void **state) {
    (void)state;
    put("own.jsonl", "{\"context\": \"2 + 2 =\", \"answer\": 4}\n");
    struct task *task =
        load("[task]\nname=x ; a comment\nkind=generate\nitems=own.jsonl\ndelimiter = \" ; \" ; another\n"
             "separator = \" \\\";\\\" \"\nextract = #### ([0-9]+) # not one\n");
    assert_string_equal(task->name, "x");
    assert_string_equal(task->delimiter, " ; ");
    assert_string_equal(task->separator, " \";\" ");
    assert_string_equal(task->extract, "#### ([0-9]+) # not one");
    task_free(task);
}

static void published_formats_load_as_they_are(void **state) {
    (void)state;
    put("gsm8k.jsonl",
        "{\"question\": \"Ann has 3 hens and buys 4. How many?\", \"answer\": \"3 + 4 = <<3+4=7>>7\\n#### 7\"}\n");
    struct task *task = load("[task]\nname=gsm8k\nformat=gsm8k\nitems=gsm8k.jsonl\nshots=gsm8k.jsonl\n");
    assert_int_equal(task->kind, TASK_GENERATE);
    assert_string_equal(task->items.all[0].context, "Question: Ann has 3 hens and buys 4. How many?\nAnswer:");
    assert_string_equal(task->items.all[0].answer, "3 + 4 = <<3+4=7>>7\n#### 7");
    assert_int_equal(task->rules.filter_count, 2);
    task_free(task);

    put("lambada.jsonl", "{\"text\": \"He took the ring and gave it to Sam\"}\n{\"text\": \"a  b \\n\"}\n");
    task = load("[task]\nname=lambada\nformat=lambada\nitems=lambada.jsonl\n");
    assert_int_equal(task->kind, TASK_LASTWORD);
    assert_string_equal(task->items.all[0].context, "He took the ring and gave it to");
    assert_string_equal(task->items.all[0].answer, "Sam");
    assert_string_equal(task->items.all[1].context, "a ");
    assert_string_equal(task->items.all[1].answer, "b");
    task_free(task);

    put("blimp.jsonl",
        "{\"sentence_good\": \"Dogs bark.\", \"sentence_bad\": \"Dogs barks.\", \"field\": \"morphology\", "
        "\"pairID\": \"0\"}\n");
    task = load("[task]\nname=blimp\nformat=blimp\nitems=blimp.jsonl\n");
    assert_int_equal(task->kind, TASK_PAIRS);
    assert_string_equal(task->items.all[0].context, "");
    assert_string_equal(task->items.all[0].choices[1], "Dogs barks.");
    assert_string_equal(task->items.all[0].answer, "Dogs bark.");
    assert_string_equal(json_string_value(json_object_get(task->items.all[0].json, "field")), "morphology");
    task_free(task);
}

static void own_pairs_and_last_words_load(void **state) {
    (void)state;
    put("pairs.jsonl", "{\"good\": \"It is.\", \"bad\": \"It are.\"}\n");
    struct task *task = load("[task]\nname=p\nkind=pairs\nitems=pairs.jsonl\n");
    assert_int_equal(task->items.all[0].count, 2);
    task_free(task);
    put("words.jsonl", "{\"text\": \"one two\"}\n{\"context\": \"three\", \"answer\": \"four\"}\n");
    char ini[1100];
    snprintf(ini, sizeof ini, "[task]\nname=w\nkind=lastword\nitems=%s\n", at("words.jsonl"));
    task = load(ini); /* an absolute path */
    assert_string_equal(task->items.all[0].answer, "two");
    assert_string_equal(task->items.all[1].answer, "four");
    task_free(task);
}

static void refused(const char *ini, const char *items, const char *expected) {
    struct task *task;
    struct ltm_error error = {0};
    put("task.ini", ini);
    if (items) put("bad.jsonl", items);
    const ltm_status status = task_load(&task, at(""), &error);
    if (status == LTM_OK || !strstr(error.message, expected)) fail_msg("not \"%s\" but: %s", expected, error.message);
    assert_null(task);
}

static void bad_ini_is_refused(void **state) {
    (void)state;
    put("bad.jsonl", "{\"context\": \"a\", \"answer\": \"b\"}\n");
    static const char *const bad[][2] = {
        {"[task]\nkind=generate\nitems=bad.jsonl\n", "task.ini has no name"},
        {"[task]\nname=x\nkind=generate\n", "no items = FILE.jsonl"},
        {"[task]\nname=x\nitems=bad.jsonl\n", "no kind"},
        {"[task]\nname=x y\nkind=generate\nitems=bad.jsonl\n", "name = \"x y\" is not"},
        {"[task]\nname=../x\n", "is not 1 to 63 letters"},
        {"[task]\nname=x\nkind=choice\n", "kind = \"choice\" is none of: choices, generate, lastword, pairs"},
        {"[task]\nname=x\nformat=gms8k\n", "format = \"gms8k\" is none of"},
        {"[task]\nname=x\nitmes=bad.jsonl\n", "did you mean items?"},
        {"[tasks]\nname=x\n", "not in [task]"},
        {"[task]\nname=x\nrubbish\n", "line 3: neither"},
        {"[task]\nname=x\nkind=generate\nname=y\n", "task.ini, line 4: name is set a second time"},
        {"[task]\nname=x\nkind=choices\nformat=blimp\nitems=bad.jsonl\n", "needs kind = pairs, not choices"},
        {"[task]\nname=x\nkind=pairs\nstop=x\nitems=bad.jsonl\n", "need kind = generate and format = own"},
        {"[task]\nname=x\nkind=generate\nextract=(x\nitems=bad.jsonl\n", "not a POSIX extended regular expression"},
        {"[task]\nname=x\nkind=generate\nextract=(((x{1,99}){1,99}){1,99})\nitems=bad.jsonl\n",
         "more than 1000 copies"},
        {"[task]\nname=x\nkind=generate\nextract=x{1000}y{2,}\nitems=bad.jsonl\n", "more than 1000 copies"},
        {"[task]\nname=x\nkind=generate\nextract=[[:alpha:][]x{1001}\nitems=bad.jsonl\n", "more than 1000 copies"},
        {"[task]\nname=x\nkind=generate\nstop=(a*)*b\\1\nitems=bad.jsonl\n", "back-reference"},
        {"[task]\nname=../../x\n", "is not 1 to 63 letters"},
        {"[task]\nname=\x1b[31mx\n", "name = \"\\x1B[31mx\" is not"},
        {"[task]\nna\x1bme=x\n", "no key \"na\\x1Bme\""},
        {"[task]\nname=x\nkind=generate\nlength=0\nitems=bad.jsonl\n", "length = \"0\" is not"},
        {"[task]\nname=x\nkind=generate\nmatch=second\nitems=bad.jsonl\n", "is none of: first, last"},
        {"[task]\nname=x\nkind=generate\nfamily=unheard\nitems=bad.jsonl\n", "no family \"unheard\""},
        {"[task]\nname=x\nkind=generate\nitems=none.jsonl\n", "none.jsonl: No such file"},
        {"[task]\nname=x\nkind=generate\nitems=task.ini\n", "it must end in .jsonl, .jsonl.gz, .json"},
        {"[task]\nname=x\nkind=generate\nitems=bad.jsonl\nshots=none.jsonl\n", "none.jsonl: No such file"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) refused(bad[i][0], NULL, bad[i][1]);
    struct task *task;
    struct ltm_error error = {0};
    assert_int_equal(task_load(&task, at("nothing.ini"), &error), LTM_IO);
}

static void bad_items_are_refused_by_line(void **state) {
    (void)state;
    static const char choices[] = "[task]\nname=x\nkind=choices\nitems=bad.jsonl\n";
    static const char asked[] = "[task]\nname=x\nkind=generate\nitems=bad.jsonl\n";
    static const char gsm8k[] = "[task]\nname=x\nformat=gsm8k\nitems=bad.jsonl\n";
    static const char words[] = "[task]\nname=x\nformat=lambada\nitems=bad.jsonl\n";
    static const char pairs[] = "[task]\nname=x\nformat=blimp\nitems=bad.jsonl\n";
    static const char *const bad[][3] = {
        {choices, "", "contains no items"},
        {choices, "{\"context\": \"a\", \"choices\": [\"b\", \"c\"], \"gold\": 0}\nrubbish\n", "line 2 of "},
        {choices, "[1]\n", "expected a JSON object"},
        {choices, "{\"choices\": [\"b\", \"c\"], \"gold\": 0}", "\"context\" is missing"},
        {choices, "{\"context\": [], \"choices\": [\"b\", \"c\"], \"gold\": 0}", "neither a text nor a number"},
        {choices, "{\"context\": \"a\", \"choices\": [\"b\"], \"gold\": 0}", "not a list of two or more strings"},
        {choices, "{\"context\": \"a\", \"choices\": [\"b\", \"\"], \"gold\": 0}",
         "choice 1 is not a string, or is empty"},
        {choices, "{\"context\": \"a\", \"choices\": [\"b\", 3], \"gold\": 0}", "choice 1 is not a string"},
        {choices, "{\"context\": \"a\", \"choices\": [\"b\", \"c\"], \"gold\": 2}", "index of a choice, 0 to 1"},
        {choices, "{\"context\": \"a\", \"choices\": [\"b\", \"c\"]}", "index of a choice"},
        {asked, "{\"answer\": \"b\"}", "neither a \"context\" nor a \"question\""},
        {asked, "{\"context\": \"a\"}", "\"answer\" is missing"},
        {asked, "{\"context\": \"a\", \"answer\": \"\"}", "\"answer\" is empty"},
        {asked, "{\"context\": \"a\", \"answer\": \"b\", \"answer\": \"c\"}", "not JSON: duplicate object key"},
        {gsm8k, "{\"context\": \"a\", \"answer\": \"b\"}", "\"question\" is missing"},
        {words, "{\"text\": \"one\"}", "fewer than two words"},
        {words, "{\"text\": \"  \"}", "fewer than two words"},
        {pairs, "{\"sentence_good\": \"a\"}", "\"sentence_bad\" is missing"},
        {pairs, "{\"sentence_good\": \"\xff\"}", "not UTF-8"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) refused(bad[i][0], bad[i][1], bad[i][2]);
}

/* Time to match an expression may grow as the square of the text. */
static void a_very_long_answer_is_refused(void **state) {
    (void)state;
    char line[20000];
    memset(line, 'x', sizeof line - 1);
    line[sizeof line - 1] = 0;
    memcpy(line, "{\"context\": \"a\", \"answer\": \"", 28);
    strcpy(line + sizeof line - 4, "\"}");
    refused("[task]\nname=x\nkind=generate\nitems=bad.jsonl\n", line, "the maximum is 16384");
}

/* Brackets and braces that repeat nothing. */
static void expressions_of_the_usual_kind_are_taken(void **state) {
    (void)state;
    static const char *const fine[] = {"[{1001}]x{2,5}", "\\{1001\\}", "[]{1001}]+", "[^]{9999}]{3}",
                                       "([0-9]{1,3},?){1,9}"};
    put("bad.jsonl", "{\"context\": \"a\", \"answer\": \"b\"}\n");
    for (size_t i = 0; i < sizeof fine / sizeof *fine; i++) {
        char ini[200];
        snprintf(ini, sizeof ini, "[task]\nname=x\nkind=generate\nextract=%s\nitems=bad.jsonl\n", fine[i]);
        task_free(load(ini));
    }
}

int main(void) {
    if (folder_create(at(""), NULL) != LTM_OK) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(choices_load),
        cmocka_unit_test(generate_loads),
        cmocka_unit_test(quoted_values_stay_whole),
        cmocka_unit_test(published_formats_load_as_they_are),
        cmocka_unit_test(own_pairs_and_last_words_load),
        cmocka_unit_test(bad_ini_is_refused),
        cmocka_unit_test(bad_items_are_refused_by_line),
        cmocka_unit_test(a_very_long_answer_is_refused),
        cmocka_unit_test(expressions_of_the_usual_kind_are_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
