/* runs/tasks reads what others publish, in the forms in which they do: small files of each, put as lm-evaluation-harness puts them. */
#include <zlib.h>

#include "support/files.h"
#include "support/unit.h"

#include "base/files.h"
#include "tasks/prompt.h"
#include "tasks/task.h"

static struct ltm_error error;

static void put(const char *name, const char *text) {
    assert_int_equal(file_write_text(test_path("%s", name), text, &error), LTM_OK);
}

static struct task *load(const char *ini) {
    struct task *task;
    char data[1024];
    snprintf(data, sizeof data, "%s", test_path("%s", "."));
    if (task_load_from(&task, ini, data, &error) != LTM_OK) fail_msg("%s", error.message);
    return task;
}

/* Item 0: its prompt behind one shot where there are some, the choices or the answers with | between, and the gold one. */
static void holds(const char *ini, int shots, const char *prompt, const char *choices, int gold) {
    struct task *task = load(ini);
    const struct task_item *item = &task->items.all[0];
    char *text;
    char all[400] = "";
    if (prompt_make(&text, task, 0, item->gold, shots, 1, &error) != LTM_OK) fail_msg("%s: %s", ini, error.message);
    assert_string_equal(text, prompt);
    free(text);
    const bool written = task->kind == TASK_GENERATE;
    char **texts = written ? item->accepted.all : item->choices;
    for (int i = 0; i < (written ? item->accepted.count : item->count); i++)
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", i ? "|" : "", texts[i]);
    assert_string_equal(*all ? all : item->answer, choices);
    assert_int_equal(item->gold, gold);
    task_free(task);
}

static void arc(void **state) {
    (void)state;
    put("ARC-Easy-Train.jsonl",
        "{\"id\": \"a\", \"question\": {\"stem\": \"Q?\", \"choices\": [{\"text\": \"no\", \"label\": \"1\"}, "
        "{\"text\": \"so\", \"label\": \"2\"}]}, \"answerKey\": \"2\"}\n");
    put("ARC-Easy-Test.jsonl",
        "{\"id\": \"b\", \"question\": {\"stem\": \"Why?\", \"choices\": [{\"text\": \"it\", \"label\": \"A\"}, "
        "{\"text\": \"was\", \"label\": \"B\"}, {\"text\": \"so\", \"label\": \"C\"}]}, \"answerKey\": \"C\"}\n");
    holds("runs/tasks/arc.ini", 1, "Question: Q?\nAnswer: so\n\nQuestion: Why?\nAnswer:", "it|was|so", 2);
    put("ARC-Easy-Test.jsonl",
        "{\"question\": \"Why?\", \"choices\": {\"text\": [\"it\", \"was\"], \"label\": [\"A\", \"B\"]}, "
        "\"answerKey\": \"A\"}\n");
    holds("runs/tasks/arc.ini", 0, "Question: Why?\nAnswer:", "it|was", 0);
}

static void piqa(void **state) {
    (void)state;
    put("valid.jsonl", "{\"goal\": \"To sit\", \"sol1\": \"stand.\", \"sol2\": \"sit down.\"}\n");
    put("valid-labels.lst", "1\n");
    put("train.jsonl", "{\"goal\": \"To go\", \"sol1\": \"walk.\", \"sol2\": \"wait.\"}\n");
    put("train-labels.lst", "0\r\n");
    holds("runs/tasks/piqa.ini", 1, "Question: To go\nAnswer: walk.\n\nQuestion: To sit\nAnswer:", "stand.|sit down.",
          1);
}

static void hellaswag(void **state) {
    (void)state;
    put("hellaswag_val.jsonl",
        "{\"activity_label\": \"Removing ice\", \"ctx_a\": \"A man  stands. [title] Ice [substeps] is cold.\", "
        "\"ctx_b\": \"then HE\", \"ctx\": \"x\", \"endings\": [\" runs [header] off\", \"scrapes.\"], \"label\": 1}\n");
    put("hellaswag_train.jsonl",
        "{\"activity_label\": \"A\", \"ctx_a\": \"b\", \"ctx_b\": \"\", \"endings\": [\"c\", \"d\"], \"label\": 0}\n");
    holds("runs/tasks/hellaswag.ini", 1, "A: b c\n\nRemoving ice: A man stands.. Ice is cold. Then he",
          "runs off|scrapes.", 1);
}

static void mmlu(void **state) {
    (void)state;
    struct text_list tasks;
    assert_int_equal(folder_create(test_path("%s", "dev"), &error), LTM_OK);
    assert_int_equal(folder_create(test_path("%s", "test"), &error), LTM_OK);
    put("dev/high_school_art_dev.csv", "Who?,a,b,c,d,B\nWhat?,1,2,3,4,D\n");
    put("test/high_school_art_test.csv", "\"Where, then? \",\"x, y\",b,c,d,C\n");
    put("dev/law_dev.csv", "Who?,a,b,c,d,B\n");
    put("test/law_test.csv", "How?,w,x,y,z,A\n");
    char data[1024];
    snprintf(data, sizeof data, "%s", test_path("%s", "."));
    assert_int_equal(task_expand(&tasks, "runs/tasks/mmlu.ini", data, &error), LTM_OK);
    assert_int_equal(tasks.count, 2);
    assert_string_equal(tasks.all[0], "runs/tasks/mmlu.ini#high_school_art");
    struct task *task = load(tasks.all[1]);
    assert_string_equal(task->name, "mmlu_law");
    assert_string_equal(task->group, "mmlu");
    task_free(task);
    holds(tasks.all[0], 2,
          "The following are multiple choice questions (with answers) about high school art.\n\n"
          "Who?\nA. a\nB. b\nC. c\nD. d\nAnswer: B\n\nWhat?\nA. 1\nB. 2\nC. 3\nD. 4\nAnswer: D\n\n"
          "Where, then?\nA. x, y\nB. b\nC. c\nD. d\nAnswer:",
          "A|B|C|D", 2);
    text_list_free(&tasks);
    struct task *none;
    assert_int_equal(task_load_from(&none, "runs/tasks/mmlu.ini", data, &error), LTM_INVALID);
    assert_non_null(strstr(error.message, "is a group of tasks"));
}

static void boolq(void **state) {
    (void)state;
    put("dev.jsonl", "{\"question\": \"is it\", \"title\": \"It\", \"answer\": true, \"passage\": \"It is.\"}\n");
    put("train.jsonl", "{\"question\": \"was it\", \"label\": false, \"passage\": \"No.\", \"idx\": 3}\n");
    holds("runs/tasks/boolq.ini", 1,
          "No.\nQuestion: was it?\nAnswer: no\n\nIt is.\nQuestion: is it?\nAnswer:", "no|yes", 1);
}

static void winogrande(void **state) {
    (void)state;
    put("dev.jsonl",
        "{\"qID\": \"3\", \"sentence\": \"Ann gave Eve tea because _ was cold.\", \"option1\": \"Ann\", \"option2\": \"Eve\", "
        "\"answer\": \"2\"}\n");
    put("train_xl.jsonl",
        "{\"sentence\": \"_ won.\", \"option1\": \"Max\", \"option2\": \"Lea\", \"answer\": \"1\"}\n");
    holds("runs/tasks/winogrande.ini", 1, "Max won.\n\nAnn gave Eve tea because Eve", "was cold.|was cold.", 1);
    struct task *task = load("runs/tasks/winogrande.ini");
    assert_string_equal(task->items.all[0].contexts[0], "Ann gave Eve tea because Ann");
    task_free(task);
}

static void lambada_and_coqa(void **state) {
    (void)state;
    put("lambada_test_plain_text.txt", "he gave it to sam\n\nshe ran \n");
    struct task *task = load("runs/tasks/lambada.ini");
    assert_int_equal(task->items.count, 2);
    assert_string_equal(task->items.all[0].context, "he gave it to");
    assert_string_equal(task->items.all[1].answer, "ran");
    task_free(task);
    put("coqa-dev-v1.0.json",
        "{\"version\": \"1.0\", \"data\": [{\"story\": \"Ann ran.\", \"questions\": [{\"input_text\": \"Who?\", \"turn_id\": 1}, "
        "{\"input_text\": \"How?\", \"turn_id\": 2}], \"answers\": [{\"input_text\": \"Ann\"}, {\"input_text\": \"fast\"}], "
        "\"additional_answers\": {\"0\": [{\"input_text\": \"She\"}, {\"input_text\": \"Fast\"}], "
        "\"1\": [{\"input_text\": \"Ann\"}, {\"input_text\": \"very fast\"}]}}]}");
    holds("runs/tasks/coqa.ini", 0, "Ann ran.\n\nQ: Who?\n\nA: Ann\n\nQ: How?\n\nA:", "fast|very fast", 0);
}

static void blimp_and_gsm8k(void **state) {
    (void)state;
    struct text_list tasks;
    char data[1024];
    assert_int_equal(folder_create(test_path("%s", "data"), &error), LTM_OK);
    put("data/adjunct_island.jsonl", "{\"sentence_good\": \"Who sat?\", \"sentence_bad\": \"Sat who?\"}\n");
    put("data/passive_1.jsonl", "{\"sentence_good\": \"A\", \"sentence_bad\": \"B\"}\n");
    snprintf(data, sizeof data, "%s", test_path("%s", "."));
    assert_int_equal(task_expand(&tasks, "runs/tasks/blimp.ini", data, &error), LTM_OK);
    assert_int_equal(tasks.count, 2);
    struct task *task = load(tasks.all[0]);
    assert_string_equal(task->name, "blimp_adjunct_island");
    assert_true(task->average_tasks);
    task_free(task);
    text_list_free(&tasks);
    put("test.jsonl", "{\"question\": \"One?\", \"answer\": \"#### 1\"}\n");
    put("train.jsonl", "{\"question\": \"Two?\", \"answer\": \"#### 2\"}\n");
    holds("runs/tasks/gsm8k.ini", 1, "Question: Two?\nAnswer: #### 2\n\nQuestion: One?\nAnswer:", "#### 1", 0);
}

static void humaneval(void **state) {
    (void)state;
    gzFile packed = gzopen(test_path("%s", "HumanEval.jsonl.gz"), "wb");
    assert_non_null(packed);
    gzputs(packed,
           "{\"task_id\": \"HumanEval/0\", \"prompt\": \"def f():\\n\", \"canonical_solution\": \"    return 1\\n\", "
           "\"test\": \"\", \"entry_point\": \"f\"}\n");
    gzclose(packed);
    holds("runs/tasks/humaneval.ini", 0, "def f():\n", "    return 1\n", 0);
    struct task *task = load("runs/tasks/humaneval.ini");
    assert_string_equal(task->delimiter, "");
    assert_int_equal(answer_stop(&task->rules, "    return 1\n\ndef g", 19), 13);
    task_free(task);
}

/* Each is told apart when somebody writes an INI without the templates. */
static void a_known_form_is_named(void **state) {
    (void)state;
    static const char *const known[][3] = {
        {"choices", "{\"goal\": \"a\", \"sol1\": \"b\", \"sol2\": \"c\"}", "runs/tasks/piqa.ini"},
        {"choices", "{\"question\": \"a\", \"choices\": [\"b\", \"c\"], \"answer\": 1}", "runs/tasks/mmlu.ini"},
        {"choices", "{\"question\": {\"stem\": \"a\"}, \"answerKey\": \"A\"}", "runs/tasks/arc.ini"},
        {"choices", "{\"passage\": \"a\", \"question\": \"b\", \"answer\": true}", "runs/tasks/boolq.ini"},
        {"generate", "{\"story\": \"a\", \"questions\": []}", "runs/tasks/coqa.ini"},
        {"pairs", "{\"sentence_good\": \"a\", \"sentence_bad\": \"b\"}", "runs/tasks/blimp.ini"}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        char ini[200];
        struct task *task;
        snprintf(ini, sizeof ini, "[task]\nname=x\nkind=%s\nitems=x.jsonl\n", known[i][0]);
        put("x.ini", ini);
        put("x.jsonl", known[i][1]);
        assert_int_equal(task_load(&task, test_path("%s", "x.ini"), &error), LTM_INVALID);
        if (!strstr(error.message, known[i][2])) fail_msg("no %s: %s", known[i][2], error.message);
    }
}

static void wrong_templates_are_refused(void **state) {
    (void)state;
    static const char *const wrong[][3] = {
        {"kind=choices\ncontext={a}\nchoices={b}\ngold={g}\n", "{\"a\": \"x\", \"b\": [\"p\", \"q\"], \"g\": 2}",
         "is none of the 2 choices"},
        {"kind=choices\ncontext={no}\nchoices={b}\ngold={g}\n", "{\"b\": [\"p\", \"q\"], \"g\": 1}",
         "the key \"no\" is missing"},
        {"kind=choices\nchoices={b:upper}\n", "{\"b\": [\"p\", \"q\"]}", "there is no filter \"upper\""},
        {"kind=choices\nchoices={b}\n", "{\"b\": [\"p\"]}", "fewer than two choices"},
        {"kind=pairs\ncontext={a}\n", "{}", "context and answer need kind = generate"},
        {"kind=choices\ncontext={a}\ncontexts={a} {b}\n", "{}", "contexts replaces context"},
        {"kind=generate\ncontext={a}\nanswer={b}\n", "{\"a\": \"x\", \"b\": []}", "the list of answers is empty"},
        {"kind=generate\nsampler=last_n\n", "{}", "none of: random, first_n"},
        {"kind=choices\ncontext=a\nchoices={b}\nitems_gold=g.lst\ngold={label}\n",
         "{\"b\": [\"p\", \"q\"]}\n{\"b\": [\"p\", \"q\"]}\n", "has no line for it"}};
    put("g.lst", "1\n");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char ini[300];
        struct task *task;
        snprintf(ini, sizeof ini, "[task]\nname=x\nitems=x.jsonl\n%s", wrong[i][0]);
        put("x.ini", ini);
        put("x.jsonl", wrong[i][1]);
        assert_int_equal(task_load(&task, test_path("%s", "x.ini"), &error), LTM_INVALID);
        if (!strstr(error.message, wrong[i][2])) fail_msg("not \"%s\": %s", wrong[i][2], error.message);
    }
}

/* As lm_eval/tasks/coqa/utils.py has them, by hand. */
static void words_are_compared_as_squad_does(void **state) {
    (void)state;
    static const struct {
        const char *golds[3], *answer;
        double em, f1;
    } cases[] = {{{"The cat."}, "cat", 1, 1},
                 {{"a red cat"}, "the big red dog", 0, 0.4},
                 {{"cat", "a dog"}, "dog", 0.5, 0.5},
                 {{"cat cat", "dog"}, "cat", 0, 1 / 3.0},
                 {{"the"}, "a", 1, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double em;
        double f1;
        int count = 0;
        while (count < 3 && cases[i].golds[count]) count++;
        assert_int_equal(answer_em_f1(&em, &f1, (char *const *)cases[i].golds, count, cases[i].answer, &error), LTM_OK);
        if (em != cases[i].em || !(f1 - cases[i].f1 < 1e-12 && cases[i].f1 - f1 < 1e-12))
            fail_msg("case %zu: em %g, f1 %g", i, em, f1);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arc),
        cmocka_unit_test(piqa),
        cmocka_unit_test(hellaswag),
        cmocka_unit_test(mmlu),
        cmocka_unit_test(boolq),
        cmocka_unit_test(winogrande),
        cmocka_unit_test(lambada_and_coqa),
        cmocka_unit_test(blimp_and_gsm8k),
        cmocka_unit_test(humaneval),
        cmocka_unit_test(a_known_form_is_named),
        cmocka_unit_test(wrong_templates_are_refused),
        cmocka_unit_test(words_are_compared_as_squad_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
