#include "model_check.h"

#include <cmath>
#include <cstdint>
#include <cstring>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow" /* C lets a function and a struct share a name */
extern "C" {
#include "base/error.h"
#include "base/utf8.h"
}
#pragma GCC diagnostic pop

namespace {

constexpr size_t kPiecesMost = size_t(1) << 20, kPieceMost = 1000; /* pieces, bytes of one */
constexpr float kScoreMost = 1e8f;                                 /* sums over a text stay finite */

/* Of sentencepiece_model.proto. */
enum ModelField { kPieces = 1, kTrainer = 2, kNormalizer = 3 };
enum PieceField { kText = 1, kScore = 2, kType = 3 };
enum PieceType { kNormal = 1, kUnknown, kControl, kUserDefined, kUnused, kByte };
enum { kModelType = 3, kUnigram = 1, kBpe = 2, kCharacters = 4, kCharsmap = 2 };
enum Wire { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

/* One field of a message. */
struct Field {
    uint64_t number, value; /* value: of a varint */
    Wire wire;
    const char *data; /* of bytes and fixed numbers */
    size_t bytes;
    const char *begin, *end; /* all of it, as it stands in the message */
};

bool read_varint(const char *&at, const char *end, uint64_t &value) {
    value = 0;
    for (int shift = 0; shift < 64 && at < end; shift += 7) {
        const auto byte = static_cast<unsigned char>(*at++);
        value |= static_cast<uint64_t>(byte & 0x7f) << shift;
        if (byte < 0x80) return shift < 63 || byte <= 1;
    }
    return false;
}

/* The next field; false if it is invalid. Groups are obsolete: invalid. */
bool read_field(const char *&at, const char *end, Field &field) {
    uint64_t key;
    field.begin = at;
    if (!read_varint(at, end, key)) return false;
    field.number = key >> 3;
    field.wire = static_cast<Wire>(key & 7);
    const auto left = static_cast<size_t>(end - at);
    switch (field.wire) {
    case kVarint:
        if (!read_varint(at, end, field.value)) return false;
        field.end = at;
        return field.number > 0;
    case kFixed32:
    case kFixed64:
        field.bytes = field.wire == kFixed32 ? 4 : 8;
        break;
    case kBytes: {
        uint64_t length;
        if (!read_varint(at, end, length) || length > static_cast<uint64_t>(end - at)) return false;
        field.bytes = static_cast<size_t>(length);
        break;
    }
    default:
        return false;
    }
    if (field.wire != kBytes && field.bytes > left) return false;
    field.data = at;
    at += field.bytes;
    field.end = at;
    return field.number > 0 && field.number < (1u << 29);
}

struct Piece {
    const char *text = "";
    size_t bytes = 0;
    float score = 0;
    uint64_t type = kNormal;
};

/* What is wrong with the piece's message, or nullptr. */
const char *read_piece(const char *at, const char *end, Piece &piece) {
    Field field;
    while (at < end) {
        if (!read_field(at, end, field)) return "is not a complete message";
        if (field.number == kText && field.wire == kBytes) {
            piece.text = field.data;
            piece.bytes = field.bytes;
        } else if (field.number == kScore && field.wire == kFixed32) {
            std::memcpy(&piece.score, field.data, sizeof piece.score);
        } else if (field.number == kType && field.wire == kVarint) {
            piece.type = field.value;
        } else {
            return "has a field that a piece does not have";
        }
    }
    return nullptr;
}

bool is_byte_name(const Piece &piece) {
    static const char digits[] = "0123456789ABCDEF";
    return piece.bytes == 6 && std::memcmp(piece.text, "<0x", 3) == 0 && std::strchr(digits, piece.text[3]) &&
           std::strchr(digits, piece.text[4]) && piece.text[5] == '>';
}

const char *piece_fault(const char *at, const char *end) {
    Piece piece;
    bool open;
    const char *fault = read_piece(at, end, piece);
    if (fault) return fault;
    if (piece.bytes == 0) return "is empty";
    if (piece.bytes > kPieceMost) return "is longer than 1000 bytes";
    if (std::memchr(piece.text, 0, piece.bytes)) return "holds a NUL";
    if (utf8_valid(piece.text, piece.bytes, &open) < piece.bytes) return "is not UTF-8";
    if (piece.type < kNormal || piece.type > kByte) return "has an unknown type";
    if (piece.type == kByte && !is_byte_name(piece)) return "stands for a byte but does not have the form <0x0A>";
    if (!(std::fabs(piece.score) <= kScoreMost)) return "has a score that is not finite";
    return nullptr;
}

ltm_status fail_broken(const char *path, struct ltm_error *error) {
    return fail(error, LTM_CORRUPT, "%s is not a valid SentencePiece model", path);
}

ltm_status check_trainer(const Field &whole, const char *path, struct ltm_error *error) {
    Field field;
    for (const char *at = whole.data, *end = at + whole.bytes; at < end;) {
        if (!read_field(at, end, field)) return fail_broken(path, error);
        if (field.number == kModelType && field.wire == kVarint && field.value != kUnigram && field.value != kBpe &&
            field.value != kCharacters)
            return fail(error, LTM_UNSUPPORTED,
                        "%s is neither a unigram nor a BPE model; train one with ltm tokenizer train", path);
    }
    return LTM_OK;
}

/* Normalisation is refused because it changes text; moreover, the library follows its table unchecked. */
ltm_status check_normalizer(const Field &whole, const char *path, struct ltm_error *error) {
    Field field;
    for (const char *at = whole.data, *end = at + whole.bytes; at < end;) {
        if (!read_field(at, end, field)) return fail_broken(path, error);
        if (field.number == kCharsmap && field.wire == kBytes && field.bytes > 0)
            return fail(error, LTM_UNSUPPORTED,
                        "%s normalises the text it encodes, so scores would be those of another text; train one with "
                        "ltm tokenizer train",
                        path);
    }
    return LTM_OK;
}

} // namespace

ltm_status model_check(std::string &clean, const char *data, size_t bytes, const char *path, struct ltm_error *error) {
    size_t pieces = 0;
    Field field;
    clean.clear();
    clean.reserve(bytes);
    for (const char *at = data, *end = data + bytes; at < end;) {
        if (!read_field(at, end, field)) return fail_broken(path, error);
        if (field.number < kPieces || field.number > kNormalizer) continue;
        if (field.wire != kBytes) return fail_broken(path, error);
        ltm_status status = LTM_OK;
        if (field.number == kPieces) {
            const char *fault = piece_fault(field.data, field.data + field.bytes);
            if (fault) return fail(error, LTM_CORRUPT, "%s is damaged: its piece %zu %s", path, pieces, fault);
            if (++pieces > kPiecesMost)
                return fail(error, LTM_UNSUPPORTED, "%s has more than %zu pieces", path, kPiecesMost);
        } else {
            status =
                field.number == kTrainer ? check_trainer(field, path, error) : check_normalizer(field, path, error);
        }
        if (status != LTM_OK) return status;
        clean.append(field.begin, field.end);
    }
    if (pieces == 0) return fail(error, LTM_CORRUPT, "%s is not a SentencePiece model: it contains no pieces", path);
    return LTM_OK;
}
