/* The vocabulary that `auto` stands for. */
#pragma once

#include "ltm/config.h"

/* Set config->model.vocab, where it is auto, to that of the tokenizer that the configuration names, or of its corpus; it stays
 * auto where neither is there or can be read. LTM_MEMORY only. */
ltm_status vocabulary_find(struct ltm_config *config, struct ltm_error *error);
