/* Fuzz target: INI files, as a configuration and as a study; by the first byte. */
#define FUZZ_NAME "ini"
#define FUZZ_MUTATIONS 40
#include "fuzz/fuzz.h"

#include "lab/value_list.h"
#include "ltm/config.h"
#include "ltm/inspect.h"
#include "ltm/sweep.h"

/* What was read can be written, and is then read as the same. */
static void write_and_back(const struct ltm_config *config) {
    struct ltm_error error = {0};
    struct ltm_config again;
    size_t keys;
    const struct ltm_config_key *key = ltm_config_keys(&keys);
    const char *path = fuzz_path("written.ini");
    if (!fuzz_ok(ltm_config_write(config, path, &error), &error)) return;
    ltm_config_defaults(&again);
    if (!fuzz_ok(ltm_config_load(&again, path, &error), &error)) {
        fprintf(stderr, "%s\n", error.message);
        abort();
    }
    for (size_t i = 0; i < keys; i++) {
        char was[LTM_PATH_MAX];
        char is[LTM_PATH_MAX];
        FUZZ_CHECK(ltm_config_get(config, key[i].name, was, sizeof was, &error) == LTM_OK);
        FUZZ_CHECK(ltm_config_get(&again, key[i].name, is, sizeof is, &error) == LTM_OK);
        FUZZ_CHECK(strcmp(was, is) == 0);
    }
}

static void read_configuration(const uint8_t *data, size_t size) {
    struct ltm_error error = {0};
    struct ltm_config config;
    char *json = NULL;
    const char *path = fuzz_put("run.ini", data, size);
    ltm_config_defaults(&config);
    if (fuzz_ok(ltm_config_load(&config, path, &error), &error)) {
        if (fuzz_ok(ltm_config_check(&config, &error), &error)) ltm_config_resolve(&config);
        write_and_back(&config);
    }
    if (fuzz_ok(ltm_inspect(path, &json, &error), &error)) free(json);
}

/* A cell's name becomes a folder's: it stays one name, and stays below the study's folder. */
static void read_study(const uint8_t *data, size_t size) {
    struct ltm_error error = {0};
    struct ltm_study *study = NULL;
    const char *path = fuzz_put("study.ini", data, size);
    fuzz_put("base.ini", "[model]\nvocab = 64\n", 19);
    if (!fuzz_ok(ltm_study_open(&study, path, NULL, 0, &error), &error)) return;
    for (size_t i = 0; i < ltm_study_cells(study); i++) {
        struct ltm_cell cell;
        ltm_study_cell(study, i, &cell);
        FUZZ_CHECK(*cell.name && *cell.name != '.' && !strchr(cell.name, '/'));
        for (const unsigned char *c = (const unsigned char *)cell.name; *c; c++) FUZZ_CHECK(*c > 0x20 && *c < 0x7f);
        FUZZ_CHECK(strncmp(cell.config.run.dir, ltm_study_dir(study), strlen(ltm_study_dir(study))) == 0);
    }
    ltm_study_close(study);
}

static void read_values(const uint8_t *data, size_t size) {
    struct ltm_error error = {0};
    struct value_list list = {0};
    char *text = malloc(size + 1);
    FUZZ_CHECK(text);
    memcpy(text, data, size);
    text[size] = 0;
    if (fuzz_ok(value_list_parse(&list, "values", text, &error), &error))
        FUZZ_CHECK(list.count > 0 && list.count <= VALUE_LIST_MOST);
    free(text);
    value_list_free(&list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) return 0;
    switch (data[0] % 4) {
    case 0:
    case 1:
        read_configuration(data + 1, size - 1);
        break;
    case 2:
        read_study(data + 1, size - 1);
        break;
    default:
        read_values(data + 1, size - 1);
    }
    return 0;
}
