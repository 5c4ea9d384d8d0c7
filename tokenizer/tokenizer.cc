/* The C interface of include/ltm/tokenizer.h over SentencePiece (Kudo and Richardson 2018).
 *
 * SentencePiece writes a space as U+2581, so a U+2581 in the text would come back as a space: it is spelled in
 * bytes here. The text of each piece is in a table made once, which serves decoding, byte counts
 * and the check that encoding is lossless. */
#include "ltm/tokenizer.h"

#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include <sentencepiece_processor.h>

#include "memory_reserve.h"
#include "model_check.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow" /* C lets a function and a struct share a name */
extern "C" {
#include "base/files.h"
#include "base/utf8.h"
}
#pragma GCC diagnostic pop

namespace {

constexpr size_t kModelMost = size_t(64) << 20; /* bytes of a model file */
constexpr size_t kReserve = size_t(4) << 20;
constexpr size_t kPieceOfText = 16 * 1024; /* SentencePiece takes about 100 bytes of memory for each byte of text */
constexpr absl::string_view kSpace("\xE2\x96\x81", 3);   /* U+2581 */
constexpr absl::string_view kUnknown("\xEF\xBF\xBD", 3); /* U+FFFD, what an unknown piece is written as */

} // namespace

struct ltm_tokenizer {
    MemoryReserve reserve{kReserve}; /* twice what a piece of text takes */
    sentencepiece::SentencePieceProcessor processor;
    std::vector<std::string> bytes; /* what each id stands for */
    int byte_ids[256];
    bool has_bytes; /* all 256: every text can be encoded */
    int unknown, end;
    std::string path;
    char digest[17];
};

namespace {

ltm_status fail_exception(struct ltm_error *error, const std::exception &exception) {
    /* SentencePiece wraps it in others of its own. */
    if (dynamic_cast<const std::bad_alloc *>(&exception) || std::strstr(exception.what(), "bad_alloc"))
        return fail_memory(error, 0, "the tokenizer");
    return fail(error, LTM_EXTERNAL, "SentencePiece failed: %s", exception.what());
}

/* Runs a body that may throw. */
template <typename Body> ltm_status guarded(struct ltm_error *error, Body body) {
    try {
        return body();
    } catch (const std::exception &exception) {
        return fail_exception(error, exception);
    } catch (...) {
        return fail(error, LTM_EXTERNAL, "SentencePiece failed without saying why");
    }
}

std::string replaced(std::string text, absl::string_view from, absl::string_view to) {
    for (size_t at = 0; (at = text.find(from.data(), at, from.size())) != std::string::npos; at += to.size())
        text.replace(at, from.size(), to.data(), to.size());
    return text;
}

/* "<0x0A>" → 10. */
int byte_of(const std::string &piece) { return static_cast<int>(std::strtol(piece.c_str() + 3, nullptr, 16)); }

void fill_tables(struct ltm_tokenizer *tokenizer) {
    const auto &processor = tokenizer->processor;
    int vocab = processor.GetPieceSize();
    int found = 0;
    for (int &id : tokenizer->byte_ids) id = -1;
    for (int id = 0; id < vocab; id++) {
        const std::string &piece = processor.IdToPiece(id);
        if (processor.IsByte(id)) {
            int byte = byte_of(piece) & 255;
            found += tokenizer->byte_ids[byte] < 0;
            tokenizer->byte_ids[byte] = id;
            tokenizer->bytes.emplace_back(1, static_cast<char>(byte));
        } else if (processor.IsUnknown(id)) {
            tokenizer->bytes.emplace_back(kUnknown.data(), kUnknown.size());
        } else if (processor.IsControl(id)) {
            tokenizer->bytes.emplace_back();
        } else {
            tokenizer->bytes.push_back(replaced(piece, kSpace, " "));
        }
    }
    tokenizer->has_bytes = found == 256;
    tokenizer->unknown = processor.unk_id();
    tokenizer->end = processor.eos_id();
}

/* Text that normalisation, a dummy prefix or removed spaces would change. */
bool keeps_text(const sentencepiece::SentencePieceProcessor &processor) {
    for (const char *probe : {"a", " a", "a  b ", "A", "e\xCC\x81\xC3\xA9", "\xEF\xAC\x81\xEF\xBC\xA1"}) {
        std::vector<std::string> pieces;
        std::string text;
        if (!processor.Encode(probe, &pieces).ok()) return false;
        for (const std::string &piece : pieces) {
            int id = processor.PieceToId(piece);
            if (processor.IsByte(id))
                text += static_cast<char>(byte_of(piece));
            else
                text += replaced(piece, kSpace, " ");
        }
        if (text != probe) return false;
    }
    return true;
}

ltm_status load_bytes(struct ltm_tokenizer *tokenizer, const char *data, size_t bytes, struct ltm_error *error) {
    const char *path = tokenizer->path.c_str();
    checksum_hex(tokenizer->digest, data, bytes);
    if (bytes == 0) return fail(error, LTM_CORRUPT, "%s is empty, not a SentencePiece model", path);
    std::string clean;
    ltm_status status = model_check(clean, data, bytes, path, error);
    if (status != LTM_OK) return status;
    const MemoryReserve reserve(kReserve + 8 * bytes); /* twice what loading takes */
    if (!tokenizer->processor.LoadFromSerializedProto(clean).ok())
        return fail(error, LTM_CORRUPT, "%s is not a valid SentencePiece model", path);
    fill_tables(tokenizer);
    if (tokenizer->end < 0 || tokenizer->unknown < 0)
        return fail(error, LTM_UNSUPPORTED,
                    "%s has no %s piece, which documents need; train one with ltm tokenizer train", path,
                    tokenizer->end < 0 ? "end-of-sequence" : "unknown");
    if (!keeps_text(tokenizer->processor))
        return fail(error, LTM_UNSUPPORTED,
                    "%s changes the text it encodes (it normalises it, or adds or removes spaces), so scores would be "
                    "those of another text; train one with ltm tokenizer train",
                    path);
    return LTM_OK;
}

ltm_status load(struct ltm_tokenizer *tokenizer, struct ltm_error *error) {
    char *data = nullptr;
    size_t bytes = 0;
    ltm_status status = file_read_text(&data, &bytes, tokenizer->path.c_str(), kModelMost, error);
    if (status != LTM_OK) return status;
    std::unique_ptr<char, void (*)(void *)> owner(data, std::free);
    return load_bytes(tokenizer, data, bytes, error);
}

/* Appends ids; `text` is short and contains no U+2581. */
ltm_status encode_plain(const struct ltm_tokenizer *tokenizer, absl::string_view text, std::vector<int32_t> &ids,
                        std::vector<int> &work, struct ltm_error *error) {
    const auto status = tokenizer->processor.Encode(text, &work);
    if (!status.ok()) return fail(error, LTM_EXTERNAL, "SentencePiece could not encode: %s", status.ToString().c_str());
    size_t at = 0;
    for (int id : work) {
        const std::string &bytes = tokenizer->bytes[static_cast<size_t>(id)];
        if (tokenizer->has_bytes && text.compare(at, bytes.size(), bytes) != 0) break;
        at += bytes.size();
    }
    if (tokenizer->has_bytes && at != text.size())
        return fail(error, LTM_EXTERNAL, "%s does not decode to the text that it encoded; train another tokenizer",
                    tokenizer->path.c_str());
    ids.insert(ids.end(), work.begin(), work.end());
    return LTM_OK;
}

/* Appends the ids of one U+2581, which SentencePiece would read as a space. */
void encode_space_symbol(const struct ltm_tokenizer *tokenizer, std::vector<int32_t> &ids) {
    if (!tokenizer->has_bytes) {
        ids.push_back(tokenizer->unknown);
        return;
    }
    for (char c : kSpace) ids.push_back(tokenizer->byte_ids[static_cast<unsigned char>(c)]);
}

ltm_status encode_short(const struct ltm_tokenizer *tokenizer, absl::string_view text, std::vector<int32_t> &ids,
                        std::vector<int> &work, struct ltm_error *error) {
    while (!text.empty()) {
        size_t at = text.find(kSpace);
        absl::string_view plain = text.substr(0, at);
        if (!plain.empty()) {
            ltm_status status = encode_plain(tokenizer, plain, ids, work, error);
            if (status != LTM_OK) return status;
        }
        if (at == absl::string_view::npos) break;
        encode_space_symbol(tokenizer, ids);
        text.remove_prefix(at + kSpace.size());
    }
    return LTM_OK;
}

ltm_status encode(const struct ltm_tokenizer *tokenizer, const char *text, size_t bytes, int32_t **out, size_t *count,
                  struct ltm_error *error) {
    std::vector<int32_t> ids;
    std::vector<int> work;
    MemoryReserve::fill();
    ids.reserve(bytes / 3 + 16);
    while (bytes > 0) {
        /* Line by line: SentencePiece adds up scores in float from its start, so near ties on a line
         * would otherwise depend on the text before it. */
        const void *newline = std::memchr(text, '\n', bytes);
        size_t now = newline ? static_cast<size_t>(static_cast<const char *>(newline) - text) + 1 : bytes;
        if (now > kPieceOfText) now = utf8_cut(text, now, kPieceOfText);
        ltm_status status = encode_short(tokenizer, absl::string_view(text, now), ids, work, error);
        if (status != LTM_OK) return status;
        text += now;
        bytes -= now;
    }
    size_t size = ids.size() * sizeof(int32_t);
    *out = static_cast<int32_t *>(std::malloc(size ? size : 1));
    if (!*out) return fail_memory(error, size, "token ids");
    if (size) std::memcpy(*out, ids.data(), size);
    *count = ids.size();
    return LTM_OK;
}

} // namespace

ltm_status model_try(const std::string &model, const char *path, struct ltm_error *error) {
    return guarded(error, [&] {
        auto opened = std::make_unique<ltm_tokenizer>();
        opened->path = path;
        return load_bytes(opened.get(), model.data(), model.size(), error);
    });
}

extern "C" {

ltm_status ltm_tokenizer_open(struct ltm_tokenizer **tokenizer, const char *path, struct ltm_error *error) {
    *tokenizer = nullptr;
    return guarded(error, [&] {
        auto opened = std::make_unique<ltm_tokenizer>();
        opened->path = path;
        ltm_status status = load(opened.get(), error);
        if (status == LTM_OK) *tokenizer = opened.release();
        return status;
    });
}

void ltm_tokenizer_before_abort(void (*last_words)(void)) { MemoryReserve::before_abort = last_words; }

void ltm_tokenizer_close(struct ltm_tokenizer *tokenizer) { delete tokenizer; }

int ltm_tokenizer_vocab(const struct ltm_tokenizer *tokenizer) { return static_cast<int>(tokenizer->bytes.size()); }

int ltm_tokenizer_end(const struct ltm_tokenizer *tokenizer) { return tokenizer->end; }

const char *ltm_tokenizer_digest(const struct ltm_tokenizer *tokenizer) { return tokenizer->digest; }

size_t ltm_tokenizer_piece_bytes(const struct ltm_tokenizer *tokenizer, int32_t id) {
    size_t at = static_cast<size_t>(id);
    return id >= 0 && at < tokenizer->bytes.size() ? tokenizer->bytes[at].size() : 0;
}

ltm_status ltm_tokenizer_encode(const struct ltm_tokenizer *tokenizer, const char *text, size_t bytes, int32_t **ids,
                                size_t *count, struct ltm_error *error) {
    bool open;
    *ids = nullptr;
    *count = 0;
    size_t valid = utf8_valid(text, bytes, &open);
    if (valid < bytes)
        return fail(error, LTM_INVALID, "the text is not UTF-8: byte %zu is 0x%02X", valid,
                    static_cast<unsigned>(static_cast<unsigned char>(text[valid])));
    return guarded(error, [&] { return encode(tokenizer, text, bytes, ids, count, error); });
}

ltm_status ltm_tokenizer_decode(const struct ltm_tokenizer *tokenizer, const int32_t *ids, size_t count, char **text,
                                size_t *bytes, struct ltm_error *error) {
    size_t size = 0;
    size_t vocab = tokenizer->bytes.size();
    *text = nullptr;
    *bytes = 0;
    for (size_t i = 0; i < count; i++) {
        if (ids[i] < 0 || static_cast<size_t>(ids[i]) >= vocab)
            return fail(error, LTM_INVALID, "token %d (number %zu) is outside the vocabulary of %zu", ids[i], i, vocab);
        size += tokenizer->bytes[static_cast<size_t>(ids[i])].size();
    }
    char *out = static_cast<char *>(std::malloc(size + 1));
    if (!out) return fail_memory(error, size + 1, "decoded text");
    *text = out;
    *bytes = size;
    for (size_t i = 0; i < count; i++) {
        const std::string &piece = tokenizer->bytes[static_cast<size_t>(ids[i])];
        std::memcpy(out, piece.data(), piece.size());
        out += piece.size();
    }
    *out = 0;
    return LTM_OK;
}

} // extern "C"
