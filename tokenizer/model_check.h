/* A look through the bytes of a SentencePiece model before the library has them: it trusts what it loads, and ends the program
 * or reads beyond its tables where a file was made to deceive. */
#pragma once

#include <string>

#include "ltm/status.h"

/* Makes `clean` from the bytes of a ModelProto: its pieces and what says how to train and normalise; the rest (self-tests, how to
 * undo a normalisation) is not used here. LTM_CORRUPT for what is no such message, or has pieces that cannot be; LTM_UNSUPPORTED
 * for a model that normalises, or is of a type other than unigram, BPE and characters. */
ltm_status model_check(std::string &clean, const char *data, size_t bytes, const char *path, struct ltm_error *error);

/* Whether a model, which is not in a file yet, would open as a tokenizer; `path` stands in messages. In tokenizer.cc. */
ltm_status model_try(const std::string &model, const char *path, struct ltm_error *error);
