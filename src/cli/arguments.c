#include "arguments.h"

#include <stdio.h>
#include <string.h>

bool argument_is_assignment(const char *argument) {
    size_t name = strspn(argument, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");
    return name > 0 && argument[0] != '-' && argument[name] == '=';
}

ltm_status arguments_override(struct ltm_config *config, char **arguments, int count, struct ltm_error *error) {
    for (int i = 0; i < count; i++) {
        if (!argument_is_assignment(arguments[i])) continue;
        ltm_status status = ltm_config_override(config, arguments[i], error);
        if (status != LTM_OK) return status;
    }
    return LTM_OK;
}

struct ltm_config arguments_checkpoint_config(const struct ltm_model *model) {
    struct ltm_config config = *ltm_model_config(model);
    config.run.threads = LTM_AUTO;
    config.run.precision = LTM_PRECISION_AUTO;
    config.eval.dump[0] = 0;
    /* A resolved auto has become a number: make it follow fast.method, and fast.*, again. */
    struct ltm_config probe = config;
    probe.fast.lr = LTM_AUTO;
    ltm_config_resolve(&probe);
    if (config.eval.fast_steps == config.fast.steps) config.eval.fast_steps = LTM_AUTO;
    if (config.eval.fast_lr == config.fast.lr) config.eval.fast_lr = LTM_AUTO;
    if (config.fast.lr == probe.fast.lr) config.fast.lr = LTM_AUTO;
    return config;
}

static bool is_wanted(const char *name, const char *const *prefixes) {
    if (!prefixes) return true;
    for (; *prefixes; prefixes++)
        if (strncmp(name, *prefixes, strlen(*prefixes)) == 0) return true;
    return false;
}

/* Those that the key's own help does not explain. */
static void print_choices(const char *key) {
    const char *help = NULL;
    const char *name;
    for (int i = 0; (name = ltm_config_choice(key, i, &help)); i++)
        if (help) printf("  %-22s   %s: %s\n", "", name, help);
}

void arguments_print_keys(const char *const *prefixes) {
    size_t count;
    const struct ltm_config_key *keys = ltm_config_keys(&count);
    for (size_t i = 0; i < count; i++) {
        if (!is_wanted(keys[i].name, prefixes)) continue;
        printf("  %-22s %s (%s)\n", keys[i].name, keys[i].help, *keys[i].fallback ? keys[i].fallback : "empty");
        print_choices(keys[i].name);
    }
}
