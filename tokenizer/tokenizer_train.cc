/* Training of SentencePiece models (include/ltm/tokenizer.h).
 *
 * The model keeps text as it is: identity normalisation, no dummy prefix, no removed spaces, the newline a piece of its own.
 * Ids: 0 unknown, 1 end of sequence, then the newline, bytes, and the learned pieces. */
#include <sched.h>

#include <algorithm>
#include <chrono>
#include <climits>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <unordered_map>

#include <sentencepiece_trainer.h>

#include "model_check.h"

#include "ltm/tokenizer.h"
#include "memory_reserve.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow" /* C lets a function and a struct share a name */
extern "C" {
#include "base/clock.h"
#include "base/files.h"
#include "base/numbers.h"
#include "base/progress.h"
#include "text/text_files.h"
#include "text/text_sample.h"
}
#pragma GCC diagnostic pop

namespace {

/* SentencePiece sums over one share per thread, and the rounding of the sums changes the model. So the number
 * of shares is fixed; the number of processors is limited by other means (below). */
constexpr int kShares = 16;
constexpr int kVocabMost = 1 << 16; /* the limit of a corpus's 16-bit tokens */
/* Seed pieces of a unigram trainer, instead of a million. Without spaces between words, every repeated substring is a
 * candidate, and each costs time. */
constexpr char kSeedsWithoutSpaces[] = "100000";

/* Bytes that are enough to learn from, by default. SentencePiece processes each distinct word once: text without word
 * boundaries, in words longer than this, takes it some 40 to 160 s per megabyte. */
constexpr int64_t kSample = 16000000, kSolidSample = 4000000;
constexpr size_t kSolidWord = 50;

constexpr size_t kReserve = size_t(64) << 20;    /* of memory, in reserve */
constexpr size_t kLargeSample = size_t(1) << 29; /* above, SentencePiece needs 64-bit positions */

/* A unigram trainer drops pieces with an expected count below one half, and ends the program if none is left. Text
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

/* While it lives, this thread and those that it starts use at most `threads` processors. */
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

std::string text_of(double number) {
    char text[NUMBER_TEXT];
    number_print_real(text, number);
    return text;
}

std::unordered_map<std::string, std::string> settings(const struct ltm_tokenizer_train_options &options,
                                                      size_t sample_bytes, bool spaces) {
    double coverage = options.character_coverage;
    /* Without bytes a rare character would be lost, so nearly all become pieces. */
    if (coverage == 0) coverage = options.byte_fallback ? 0.9995 : 0.99999;
    std::unordered_map<std::string, std::string> all = {
        {"model_type", options.kind == LTM_TOKENIZER_BPE ? "bpe" : "unigram"},
        {"vocab_size", std::to_string(options.vocab)},
        {"byte_fallback", options.byte_fallback ? "true" : "false"},
        {"character_coverage", text_of(coverage)},
        {"num_threads", std::to_string(kShares)},
        {"normalization_rule_name", "identity"},
        {"add_dummy_prefix", "false"},
        {"remove_extra_whitespaces", "false"},
        {"allow_whitespace_only_pieces", "true"},
        {"user_defined_symbols", spaces ? "\n" : "\n,\xE2\x96\x81"}, /* U+2581 is SentencePiece's space */
        {"unk_id", "0"},
        {"eos_id", "1"},
        {"bos_id", "-1"},
        {"pad_id", "-1"},
        {"max_sentence_length", std::to_string(SAMPLE_LINE_MOST + 1)},
        {"train_extremely_large_corpus", sample_bytes > kLargeSample ? "true" : "false"},
        {"minloglevel", "9"}, /* it would print to stderr */
    };
    if (!spaces) all["seed_sentencepiece_size"] = kSeedsWithoutSpaces; /* only if needed: model files record it */
    return all;
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
        return fail(error, LTM_INVALID, "the text is too short for a vocabulary of %d; use at most %ld, or more text",
                    options.vocab, most);
    if (message.find("smaller than required_chars") != std::string::npos)
        least = number_after(message, (std::to_string(options.vocab) + " vs ").c_str());
    if (least > 0)
        return fail(error, LTM_INVALID,
                    "a vocabulary of %d is too small for the characters of this text; use at least %ld", options.vocab,
                    least);
    return fail(error, LTM_EXTERNAL, "SentencePiece could not train a model: %s", message.c_str());
}

ltm_status check_options(const struct ltm_tokenizer_train_options &options, struct ltm_error *error) {
    int least = options.byte_fallback ? 256 + 4 : 4;
    if (options.vocab < least || options.vocab > kVocabMost)
        return fail(error, LTM_INVALID, "a vocabulary of %d pieces is out of range: %d to %d%s", options.vocab, least,
                    kVocabMost, options.byte_fallback ? " (256 of them bytes)" : "");
    if (options.character_coverage != 0 && !(options.character_coverage >= 0.98 && options.character_coverage <= 1))
        return fail(error, LTM_INVALID, "a character coverage of %g is out of range: 0.98 to 1",
                    options.character_coverage);
    if (options.sample_bytes < LTM_SAMPLE_AUTO)
        return fail(error, LTM_INVALID, "the sample of text cannot be smaller than 0 bytes");
    if (!options.output || !*options.output) return fail(error, LTM_INVALID, "no output model file was given");
    return LTM_OK;
}

ltm_status draw_sample(struct text_sample &sample, const struct ltm_tokenizer_train_options &options,
                       const struct ltm_watch *watch, struct ltm_error *error) {
    const bool chosen = options.sample_bytes != LTM_SAMPLE_AUTO;
    ltm_status status =
        text_sample_draw(&sample, &options.input, chosen ? options.sample_bytes : kSample, options.seed, watch, error);
    if (status != LTM_OK || chosen || sample.bytes <= static_cast<size_t>(kSolidSample)) return status;
    const auto spaces = static_cast<size_t>(std::count(sample.text, sample.text + sample.bytes, ' '));
    if (spaces * kSolidWord >= sample.bytes) return LTM_OK;
    text_sample_free(&sample);
    return text_sample_draw(&sample, &options.input, kSolidSample, options.seed, watch, error);
}

/* Shows that it is running: SentencePiece does not report its progress. */
class Heartbeat {
  public:
    explicit Heartbeat(const struct ltm_watch *watch) {
        if (watch && watch->progress) thread_ = std::thread([this, watch] { beat(watch); });
    }
    ~Heartbeat() {
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            done_ = true;
        }
        wake_.notify_one();
        if (thread_.joinable()) thread_.join();
    }
    Heartbeat(const Heartbeat &) = delete;
    Heartbeat &operator=(const Heartbeat &) = delete;

  private:
    void beat(const struct ltm_watch *watch) {
        const double began = seconds_now();
        std::unique_lock<std::mutex> lock(mutex_);
        while (!wake_.wait_for(lock, std::chrono::seconds(1), [this] { return done_; })) {
            const struct ltm_progress progress = {"learning", seconds_now() - began, 0, "seconds"};
            watch->progress(watch->user, &progress);
        }
    }
    std::mutex mutex_;
    std::condition_variable wake_;
    bool done_ = false;
    std::thread thread_;
};

/* `spaces`: the text has enough of them to learn from; otherwise the space is a piece by itself, so that every text can
 * be encoded. */
ltm_status learn(const struct ltm_tokenizer_train_options &options, const struct text_sample &sample, bool spaces,
                 const struct ltm_watch *watch, std::string &model, struct ltm_error *error) {
    SampleIterator iterator(&sample);
    const Heartbeat heartbeat(watch);
    const MemoryReserve reserve(kReserve);
    ProcessorLimit limit(options.threads);
    model.clear();
    const auto status =
        sentencepiece::SentencePieceTrainer::Train(settings(options, sample.bytes, spaces), &iterator, &model);
    return status.ok() ? LTM_OK : fail_training(options, status.ToString(), error);
}

ltm_status train(const struct ltm_tokenizer_train_options &options, const struct text_sample &sample,
                 const struct ltm_watch *watch, struct ltm_error *error) {
    std::string model;
    const bool spaces = std::memchr(sample.text, ' ', sample.bytes) != nullptr;
    watch_message(watch, "learning %d pieces from %.1f MB of text", options.vocab, (double)sample.bytes / 1e6);
    ltm_status tried = learn(options, sample, spaces, watch, model, error);
    if (tried != LTM_OK) return tried;
    tried = model_try(model, options.output, error);
    if (tried != LTM_OK && tried != LTM_MEMORY && spaces) { /* too few for a piece of their own */
        tried = learn(options, sample, false, watch, model, error);
        if (tried != LTM_OK) return tried;
        tried = model_try(model, options.output, error);
    }
    if (tried == LTM_MEMORY) return tried;
    if (tried != LTM_OK)
        return fail(error, LTM_INVALID,
                    "the text is too short: a model learned from it does not reproduce every text, "
                    "for example spaces that it lacks; use more text");
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
    options.sample_bytes = LTM_SAMPLE_AUTO;
    return options;
}

ltm_status ltm_tokenizer_train(const struct ltm_tokenizer_train_options *options, const struct ltm_watch *watch,
                               struct ltm_error *error) {
    struct text_sample sample = {};
    ltm_status status = check_options(*options, error);
    if (status != LTM_OK) return status;
    status = text_files_keep(&options->input, options->output, error);
    if (status != LTM_OK) return status;
    status = file_try(options->output, error);
    if (status != LTM_OK) return status;
    status = draw_sample(sample, *options, watch, error);
    if (status != LTM_OK) return status;
    try {
        status = train(*options, sample, watch, error);
    } catch (const std::bad_alloc &) {
        status = fail(error, LTM_MEMORY, "out of memory for training on %.1f MB of text; draw a smaller sample",
                      (double)sample.bytes / 1e6);
    } catch (const std::system_error &) {
        status = fail(error, LTM_MEMORY,
                      "too little memory for the %d threads of SentencePiece, or no more threads are "
                      "allowed; see ulimit -a",
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
