/* Training of SentencePiece models (include/ltm/tokenizer.h).
 *
 * The model keeps text as it is: identity normalisation, no dummy prefix, no removed spaces, the newline a piece of its own.
 * Ids: 0 unknown, 1 end of sequence, then the newline, bytes, and what was learned. */
#include <sched.h>

#include <climits>
#include <cstdlib>
#include <exception>
#include <string>
#include <system_error>
#include <unordered_map>

#include <sentencepiece_trainer.h>

#include "model_check.h"

#include "ltm/tokenizer.h"
#include "memory_reserve.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow" /* C lets a function and a struct share a name */
extern "C" {
#include "base/files.h"
#include "base/progress.h"
#include "text/text_files.h"
#include "text/text_sample.h"
}
#pragma GCC diagnostic pop

namespace {

/* SentencePiece sums over as many shares as it has threads, and the sums' rounding reaches the model. So the number of
 * shares is always this; how many processors work on them is set by other means (below). */
constexpr int kShares = 16;
constexpr int kVocabMost = 1 << 16;              /* what tokens of a corpus, 16 bits each, can name */
constexpr size_t kReserve = size_t(64) << 20;    /* of memory, for when there is no more */
constexpr size_t kLargeSample = size_t(1) << 29; /* above, SentencePiece wants 64-bit positions */

/* A unigram trainer drops the pieces that it expects less than half a time, and ends the program when none is left. Text
 * of n characters has at most 2 n candidates of at most 16 characters: 17 copies of it leave one. Longer text does. */
constexpr size_t kSmallSample = 4096;
constexpr size_t kCopies = 17;

class SampleIterator : public sentencepiece::SentenceIterator {
  public:
    explicit SampleIterator(const struct text_sample *sample)
        : sample_(sample), count_(sample->count * (sample->bytes < kSmallSample ? kCopies : 1)) {
        take();
    }
    bool done() const override { return at_ >= count_; }
    void Next() override {
        at_++;
        take();
    }
    const std::string &value() const override { return value_; }
    sentencepiece::util::Status status() const override { return sentencepiece::util::Status(); }

  private:
    void take() {
        if (done()) return;
        const struct sample_line &line = sample_->lines[at_ % sample_->count];
        value_.assign(sample_->text + line.from, line.bytes);
    }
    const struct text_sample *sample_;
    size_t count_, at_ = 0;
    std::string value_;
};

/* While it lives, this thread and those that it starts keep to `threads` processors. */
class ProcessorLimit {
  public:
    explicit ProcessorLimit(int threads) {
        cpu_set_t few;
        if (threads <= 0 || sched_getaffinity(0, sizeof all_, &all_) != 0) return;
        CPU_ZERO(&few);
        for (int cpu = 0, count = 0; cpu < CPU_SETSIZE && count < threads; cpu++)
            if (CPU_ISSET(cpu, &all_)) {
                CPU_SET(cpu, &few);
                count++;
            }
        limited_ = sched_setaffinity(0, sizeof few, &few) == 0;
    }
    ~ProcessorLimit() {
        if (limited_) sched_setaffinity(0, sizeof all_, &all_);
    }
    ProcessorLimit(const ProcessorLimit &) = delete;
    ProcessorLimit &operator=(const ProcessorLimit &) = delete;

  private:
    cpu_set_t all_;
    bool limited_ = false;
};

std::unordered_map<std::string, std::string> settings(const struct ltm_tokenizer_train_options &options,
                                                      size_t sample_bytes) {
    return {
        {"model_type", options.kind == LTM_TOKENIZER_BPE ? "bpe" : "unigram"},
        {"vocab_size", std::to_string(options.vocab)},
        {"byte_fallback", options.byte_fallback ? "true" : "false"},
        /* Without bytes a rare character would be lost, so nearly all become pieces. */
        {"character_coverage", options.byte_fallback ? "0.9995" : "0.99999"},
        {"num_threads", std::to_string(kShares)},
        {"normalization_rule_name", "identity"},
        {"add_dummy_prefix", "false"},
        {"remove_extra_whitespaces", "false"},
        {"allow_whitespace_only_pieces", "true"},
        {"user_defined_symbols", "\n"},
        {"unk_id", "0"},
        {"eos_id", "1"},
        {"bos_id", "-1"},
        {"pad_id", "-1"},
        {"max_sentence_length", std::to_string(SAMPLE_LINE_MOST + 1)},
        {"train_extremely_large_corpus", sample_bytes > kLargeSample ? "true" : "false"},
        {"minloglevel", "9"}, /* it would print to stderr */
    };
}

/* The number that follows `mark` in a message of SentencePiece, or -1. */
long number_after(const std::string &message, const char *mark) {
    size_t at = message.find(mark);
    return at == std::string::npos ? -1 : std::strtol(message.c_str() + at + std::string(mark).size(), nullptr, 10);
}

ltm_status fail_training(const struct ltm_tokenizer_train_options &options, const std::string &message,
                         struct ltm_error *error) {
    long most = number_after(message, "to a value <= ");
    long least = -1;
    if (most > 0)
        return fail(error, LTM_INVALID, "the text holds too little for a vocabulary of %d; %ld would do, or more text",
                    options.vocab, most);
    if (message.find("smaller than required_chars") != std::string::npos)
        least = number_after(message, (std::to_string(options.vocab) + " vs ").c_str());
    if (least > 0)
        return fail(error, LTM_INVALID,
                    "a vocabulary of %d is too small for the characters of this text; it needs more than %ld",
                    options.vocab, least);
    return fail(error, LTM_EXTERNAL, "SentencePiece could not train a model: %s", message.c_str());
}

ltm_status check_options(const struct ltm_tokenizer_train_options &options, struct ltm_error *error) {
    int least = options.byte_fallback ? 256 + 4 : 4;
    if (options.vocab < least || options.vocab > kVocabMost)
        return fail(error, LTM_INVALID, "a vocabulary of %d pieces is out of range: %d to %d%s", options.vocab, least,
                    kVocabMost, options.byte_fallback ? " (256 of them bytes)" : "");
    if (options.sample_bytes < 0) return fail(error, LTM_INVALID, "the sample of text cannot be below 0 bytes");
    if (!options.output || !*options.output) return fail(error, LTM_INVALID, "no model file to write was named");
    return LTM_OK;
}

ltm_status train(const struct ltm_tokenizer_train_options &options, const struct text_sample &sample,
                 const struct ltm_watch *watch, struct ltm_error *error) {
    std::string model;
    SampleIterator iterator(&sample);
    watch_message(watch, "learning %d pieces from %.1f MB of text", options.vocab, (double)sample.bytes / 1e6);
    {
        const MemoryReserve reserve(kReserve);
        ProcessorLimit limit(options.threads);
        const auto status =
            sentencepiece::SentencePieceTrainer::Train(settings(options, sample.bytes), &iterator, &model);
        if (!status.ok()) return fail_training(options, status.ToString(), error);
    }
    /* A text without a space teaches none, and what cannot be spelled would come back as something else. */
    const ltm_status tried = model_try(model, options.output, error);
    if (tried == LTM_MEMORY) return tried;
    if (tried != LTM_OK)
        return fail(error, LTM_INVALID,
                    "the text holds too little: what is learned from it does not give back every text, such as spaces "
                    "where it has none; use more text");
    struct file_draft draft;
    ltm_status status = file_create(&draft, options.output, error);
    if (status != LTM_OK) return status;
    status = file_write(&draft, model.data(), model.size(), error);
    if (status == LTM_OK) return file_commit(&draft, error);
    file_discard(&draft);
    return status;
}

} // namespace

extern "C" {

struct ltm_tokenizer_train_options ltm_tokenizer_train_defaults(void) {
    struct ltm_tokenizer_train_options options = {};
    options.vocab = 8192;
    options.kind = LTM_TOKENIZER_UNIGRAM;
    options.byte_fallback = true;
    options.seed = 1;
    options.sample_bytes = 64000000;
    return options;
}

ltm_status ltm_tokenizer_train(const struct ltm_tokenizer_train_options *options, const struct ltm_watch *watch,
                               struct ltm_error *error) {
    struct text_sample sample = {};
    ltm_status status = check_options(*options, error);
    if (status != LTM_OK) return status;
    status = text_files_keep(&options->input, options->output, error);
    if (status != LTM_OK) return status;
    status = text_sample_draw(&sample, &options->input, options->sample_bytes, options->seed, watch, error);
    if (status != LTM_OK) return status;
    try {
        status = train(*options, sample, watch, error);
    } catch (const std::bad_alloc &) {
        status = fail(error, LTM_MEMORY, "out of memory for training on %.1f MB of text; draw a smaller sample",
                      (double)sample.bytes / 1e6);
    } catch (const std::system_error &) {
        status = fail(
            error, LTM_MEMORY,
            "no memory is left for the %d threads that SentencePiece learns with, or no more threads are allowed; see "
            "ulimit -a",
            kShares);
    } catch (const std::exception &exception) {
        status = fail(error, LTM_EXTERNAL, "SentencePiece failed: %s", exception.what());
    } catch (...) {
        status = fail(error, LTM_EXTERNAL, "SentencePiece failed without saying why");
    }
    text_sample_free(&sample);
    return status;
}

} // extern "C"
