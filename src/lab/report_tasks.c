/* The page of few-shot results (results_*.json of ltm fewshot): for each task the scores, and accuracy against a number
 * of its items: their length, hops, steps. That is any metric "acc@NAME=NUMBER"; each folder is a curve. The same of
 * "depth@NAME=NUMBER", the loops that answers took. And the same
 * pictures for a study with tasks, one curve per cell, seeds merged. */
#include "lab/report_page.h"

#include <ctype.h>
#include <fnmatch.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/files.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/numbers.h"
#include "lab/format_numbers.h"
#include "lab/html.h"
#include "lab/study_columns.h"
#include "lab/study_table.h"

enum { TEXT = 128, FILE_MOST = 64 << 20 };

/* One metric of one task in one folder's results. */
struct figure {
    char task[TEXT], metric[TEXT], axis[TEXT]; /* axis: NAME of acc@…NAME=NUMBER; "" where there is none */
    bool depth;                                /* of depth@…NAME=NUMBER */
    char curve[2 * TEXT];                      /* the folder, the shots if any, and the text before NAME */
    double x, value, error;
};

struct figures {
    struct figure *all;
    size_t count, room;
};

static bool is_results(const char *name) { return fnmatch("results_*.json", name, 0) == 0; }

bool report_is_tasks(const char *folder) {
    char **names = NULL;
    size_t count = 0;
    bool found = false;
    if (!folder_exists(folder) || folder_list(&names, &count, folder, NULL) != LTM_OK) return false;
    for (size_t i = 0; i < count; i++) found = found || is_results(names[i]);
    folder_list_free(names, count);
    return found;
}

/* "acc@PREFIX;NAME=NUMBER" or "depth@…" into depth, axis, prefix and x; false for other metrics. */
static bool split_bin(struct figure *figure, char prefix[TEXT]) {
    const char *bin = strchr(figure->metric, '@');
    const char *equals = strrchr(figure->metric, '=');
    figure->depth = strncmp(figure->metric, "depth@", 6) == 0;
    if (!bin || !equals || equals < bin || (!figure->depth && strncmp(figure->metric, "acc@", 4) != 0) ||
        !number_parse_real(equals + 1, &figure->x))
        return false;
    const char *name = equals;
    while (name > bin + 1 && name[-1] != ';') name--;
    snprintf(figure->axis, TEXT, "%.*s", (int)(equals - name), name);
    snprintf(prefix, TEXT, "%.*s", name > bin + 1 ? (int)(name - bin - 2) : 0, bin + 1);
    return true;
}

static ltm_status add_figure(struct figures *to, const char *task, const char *key, const json_t *metrics, int shots,
                             const char *label, struct ltm_error *error) {
    const char *comma = strrchr(key, ',');
    const json_t *value = json_object_get(metrics, key);
    char name[2 * TEXT];
    char prefix[TEXT] = "";
    char behind[TEXT] = "";
    if (!comma || !json_is_number(value) || strstr(key, "_stderr,")) return LTM_OK;
    PASS_UP(GROW_ARRAY(to->all, to->room, to->count + 1, "results", error));
    struct figure *figure = &to->all[to->count++];
    *figure = (struct figure){.value = json_number_value(value)};
    snprintf(figure->task, TEXT, "%s", task);
    snprintf(figure->metric, TEXT, "%.*s", (int)(comma - key), key);
    snprintf(name, sizeof name, "%s_stderr%s", figure->metric, comma);
    const json_t *stderr_of = json_object_get(metrics, name);
    figure->error = json_is_number(stderr_of) ? json_number_value(stderr_of) : NAN;
    if (!split_bin(figure, prefix) && strcmp(comma, ",none") != 0)
        snprintf(figure->metric, TEXT, "%.*s, %s", (int)(comma - key), key, comma + 1);
    if (shots) snprintf(behind, sizeof behind, ", %d shots", shots);
    snprintf(figure->curve, sizeof figure->curve, "%.100s%s%s%.60s", label, behind, *prefix ? ", " : "", prefix);
    return LTM_OK;
}

/* Groups of tasks are means of tasks already listed. */
static ltm_status read_file(struct figures *to, const char *path, const char *label, struct ltm_error *error) {
    char *text = NULL;
    size_t bytes;
    json_t *json = NULL;
    ltm_status status = file_read_text(&text, &bytes, path, FILE_MOST, error);
    if (status == LTM_OK) status = json_read(&json, text, bytes, 0, error);
    const char *task;
    const char *key;
    json_t *metrics;
    json_t *unused;
    json_object_foreach(json_object_get(json, "results"), task, metrics) {
        const json_t *shots = json_object_get(json_object_get(json, "n-shot"), task);
        if (json_object_get(json_object_get(json, "groups"), task)) continue;
        json_object_foreach(metrics, key, unused) {
            if (status == LTM_OK)
                status = add_figure(to, task, key, metrics, (int)json_integer_value(shots), label, error);
        }
    }
    json_decref(json);
    free(text);
    return status == LTM_CORRUPT ? fail(error, status, "%.500s is not JSON written by ltm fewshot", path) : status;
}

static ltm_status read_folder(struct figures *to, const char *folder, const char *label, struct ltm_error *error) {
    char **names = NULL;
    char path[LTM_PATH_MAX];
    size_t count = 0;
    ltm_status status = folder_list(&names, &count, folder, error);
    for (size_t i = 0; status == LTM_OK && i < count; i++) {
        if (!is_results(names[i])) continue;
        status = path_join(path, sizeof path, folder, names[i], error);
        if (status == LTM_OK) status = read_file(to, path, label, error);
    }
    folder_list_free(names, count);
    return status;
}

/* ---- The page ---- */

static void put_scores(struct report *report, const struct figures *from) {
    FILE *f = report->out;
    char text[FORMAT_WITH_ERROR];
    report_heading(report, "scores", "Scores");
    fputs("<div class=\"scroll wide\"><table><thead><tr><th scope=\"col\" class=\"text\">task</th><th scope=\"col\" "
          "class=\"text\">results</th><th scope=\"col\" class=\"text\">metric</th><th scope=\"col\">mean</th></tr>"
          "</thead>\n<tbody>\n",
          f);
    for (size_t i = 0; i < from->count; i++) {
        const struct figure *figure = &from->all[i];
        if (*figure->axis) continue;
        fputs("<tr>", f);
        html_text_cell(f, figure->task);
        html_text_cell(f, figure->curve);
        html_text_cell(f, figure->metric);
        html_print(f, "<td>%s</td></tr>\n", format_with_error(text, figure->value, figure->error));
    }
    fputs("</tbody></table></div>\n", f);
}

/* What stands beside accuracy: its mean over the task's items is a line from the first to the last x. */
static const char *const beside[] = {"chance", "optimum"};
enum { BESIDE = sizeof beside / sizeof *beside };

static bool is_beside(const char *metric) {
    for (int i = 0; i < BESIDE; i++)
        if (strcmp(metric, beside[i]) == 0) return true;
    return false;
}

static void add_beside(struct picture *p, const struct figures *from, const char *task) {
    double least = HUGE_VAL;
    double most = -HUGE_VAL;
    for (int s = 0; s < p->count; s++)
        for (size_t k = 0; k < p->series[s].count; k++) {
            least = fmin(least, p->series[s].point[k].x);
            most = fmax(most, p->series[s].point[k].x);
        }
    for (int b = 0; b < BESIDE; b++)
        for (size_t i = 0; i < from->count; i++) {
            if (strcmp(from->all[i].task, task) != 0 || strcmp(from->all[i].metric, beside[b]) != 0) continue;
            struct picture_series *s = picture_add(p, PICTURE_DASHES, 0, "%s", beside[b]);
            if (s) s->faint = b > 0;
            picture_point(s, least, from->all[i].value, NAN);
            picture_point(s, most, from->all[i].value, NAN);
            break;
        }
}

static bool same_picture(const struct figure *a, const struct figure *b) {
    return strcmp(a->task, b->task) == 0 && strcmp(a->axis, b->axis) == 0 && a->depth == b->depth;
}

/* Of one task over one axis, which `first` is the first figure of. */
static ltm_status put_picture(struct report *report, const struct figures *from, size_t first,
                              struct ltm_error *error) {
    const struct figure *like = &from->all[first];
    struct picture p;
    char id[64];
    char title[PICTURE_TEXT];
    const char *what = like->depth ? "-depth" : "";
    snprintf(id, sizeof id, "%.30s%s-by-%.20s", like->task, what, like->axis);
    if (strlen(like->task) > 30) snprintf(id, sizeof id, "%.16s-%zu%s-by-%.20s", like->task, first, what, like->axis);
    for (char *c = id; *c; c++) *c = isalnum((unsigned char)*c) ? *c : '-';
    snprintf(title, sizeof title, "%.80s: %s by %.40s", like->task, like->depth ? "loops" : "accuracy", like->axis);
    picture_begin(&p, id, title, like->axis, like->depth ? "loops of an answer's tokens" : "accuracy");
    p.zero = true;
    snprintf(p.caption, sizeof p.caption, "%s, with standard errors.",
             like->depth ? "The loops after which positions left, a mean over the tokens of the right answer or of the "
                           "text written"
                         : "The share of items answered correctly");
    for (size_t i = first; i < from->count; i++) {
        const struct figure *figure = &from->all[i];
        int s = 0;
        if (!same_picture(figure, like)) continue;
        while (s < p.count && strcmp(p.series[s].name, figure->curve) != 0) s++;
        struct picture_series *series =
            s < p.count ? &p.series[s] : picture_add(&p, PICTURE_LINES_POINTS, 1 + s, "%s", figure->curve);
        picture_point(series, figure->x, figure->value, figure->error);
    }
    for (int s = 0; s < p.count; s++) picture_sort(&p.series[s]);
    if (!like->depth) add_beside(&p, from, like->task);
    return report_picture(report, &p, error);
}

static ltm_status put_pictures(struct report *report, const struct figures *from, struct ltm_error *error) {
    for (size_t i = 0; i < from->count; i++) {
        size_t before = 0;
        if (!*from->all[i].axis) continue;
        while (!same_picture(&from->all[before], &from->all[i])) before++;
        if (before == i) PASS_UP(put_picture(report, from, i, error));
    }
    return LTM_OK;
}

ltm_status report_tasks(struct report *report, const char *const *folders, int count, struct ltm_error *error) {
    struct figures figures = {0};
    ltm_status status = LTM_OK;
    for (int i = 0; i < count; i++) {
        if (!report_is_tasks(folders[i]))
            TRY(fail(error, LTM_INVALID, "%.500s contains no results_*.json of ltm fewshot -o, unlike the first folder",
                     folders[i]));
        TRY(read_folder(&figures, folders[i], report_name(folders, count, i), error));
    }
    html_begin(report->out, count > 1 ? "Tasks" : report_name(folders, 1, 0), "ltm fewshot", 0);
    put_scores(report, &figures);
    if (!report->result->gnuplot) report_without_pictures(report);
    TRY(put_pictures(report, &figures, error));
    html_end(report->out);
cleanup:
    free(figures.all);
    return status;
}

/* ---- Of a study ---- */

/* The column TASK:METRIC of each group of cells, if it is drawn. */
static ltm_status add_column(struct figures *to, const struct study_table *t, const char *column,
                             struct ltm_error *error) {
    const int cell = csv_column(&t->csv, study_columns[COLUMN_CELL].name);
    const char *colon = strchr(column, ':');
    struct figure like = {.value = NAN};
    struct study_score score;
    char prefix[TEXT] = "";
    if (!colon) return LTM_OK;
    snprintf(like.task, TEXT, "%.*s", (int)(colon - column), column);
    snprintf(like.metric, TEXT, "%s", colon + 1);
    if (!split_bin(&like, prefix) && !is_beside(like.metric)) return LTM_OK;
    ltm_status status = study_score_take(&score, t, column, error);
    for (size_t g = 0; status == LTM_OK && g < t->groups; g++) {
        const char *name = csv_text(&t->csv, t->group[g].row, (size_t)cell);
        const char *seed = strstr(name, "-seed");
        const int length = seed && seed - name < 120 ? (int)(seed - name) : 120;
        if (isnan(score.value[g].mean)) continue;
        status = GROW_ARRAY(to->all, to->room, to->count + 1, "results", error);
        if (status != LTM_OK) break;
        struct figure *figure = &to->all[to->count++];
        *figure = like;
        figure->value = score.value[g].mean;
        figure->error = score.value[g].error;
        snprintf(figure->curve, sizeof figure->curve, "%.*s%s%.60s", length, name, *prefix ? ", " : "", prefix);
    }
    study_score_free(&score);
    return status;
}

ltm_status report_study_tasks(struct report *report, const struct study_table *t, struct ltm_error *error) {
    struct figures figures = {0};
    ltm_status status = LTM_OK;
    bool any = false;
    for (size_t c = 0; c < t->csv.columns; c++) TRY(add_column(&figures, t, csv_name(&t->csv, c), error));
    for (size_t i = 0; i < figures.count; i++) any = any || *figures.all[i].axis;
    if (any) report_heading(report, "tasks", "Tasks");
    TRY(put_pictures(report, &figures, error));
cleanup:
    free(figures.all);
    return status;
}
