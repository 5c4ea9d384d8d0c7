/* Checks the bytes of a SentencePiece model before the library loads them: it trusts its input, and a malicious
 * file can end the program or make it read out of bounds. */
#pragma once

#include <string>

#include "ltm/status.h"

/* Makes `clean` from the bytes of a ModelProto: its pieces and its training and normalisation settings; the rest
 * (self-tests, denormalisation) is not used here. LTM_CORRUPT for anything that is not such a message, or has
 * impossible pieces; LTM_UNSUPPORTED for a model that normalises, or has a type other than unigram, BPE and
 * characters. */
ltm_status model_check(std::string &clean, const char *data, size_t bytes, const char *path, struct ltm_error *error);

/* Whether a model that is not in a file yet would open as a tokenizer; `path` is for messages. In tokenizer.cc. */
ltm_status model_try(const std::string &model, const char *path, struct ltm_error *error);
