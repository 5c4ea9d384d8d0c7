/* Fuzz target: text that corpora and tokenizers are made of, .txt and .jsonl, plain or packed, pages, tables and archives. The first byte says which, and
 * whether what follows is to be packed first, so that changes to it come through. */
#define FUZZ_NAME "text"
#include "fuzz/fuzz.h"

#include <zlib.h>

#include "base/utf8.h"
#include "text/documents.h"
#include "text/text_sample.h"

enum { JSON = 1, GZIP = 2, PACK = 4, SEPARATOR = 8, FIELD = 16, OTHER = 32 };

static const char *write_packed(const char *name, const uint8_t *data, size_t size) {
    const char *path = fuzz_path(name);
    gzFile file = gzopen(path, "wb1");
    FUZZ_CHECK(file && gzwrite(file, data, (unsigned)size) == (int)size);
    FUZZ_CHECK(gzclose(file) == Z_OK);
    return path;
}

/* Pieces are of bounded size, not empty but at an end, whole characters all; documents are counted without a gap. */
static void read_documents(const struct ltm_text_input *input) {
    struct ltm_error error = {0};
    struct documents *documents = NULL;
    struct text_block block;
    bool more = true, ended = true, open;
    int64_t document = -1;
    if (!fuzz_ok(documents_open(&documents, input, &error), &error)) return;
    while (fuzz_ok(documents_next(documents, &block, &more, &error), &error) && more) {
        FUZZ_CHECK(block.bytes <= TEXT_BLOCK && (block.bytes > 0 || block.last));
        FUZZ_CHECK(utf8_valid(block.text, block.bytes, &open) == block.bytes);
        FUZZ_CHECK(block.document == document + ended);
        document = block.document;
        ended = block.last;
        FUZZ_CHECK(documents_done(documents) <= documents_size(documents));
    }
    documents_close(documents);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const names[] = {"x.txt", "x.jsonl", "x.txt.gz", "x.jsonl.gz"};
    static const char *const others[] = {"x.html", "x.csv", "x.tar", "x.zip"};
    struct ltm_error error = {0};
    struct text_sample sample;
    if (size == 0) return 0;
    const unsigned how = *data++;
    size--;
    const char *name = (how & OTHER ? others : names)[how & (JSON | GZIP)];
    const char *path =
        how & GZIP && how & PACK && !(how & OTHER) ? write_packed(name, data, size) : fuzz_put(name, data, size);
    const struct ltm_text_input input = {.paths = &path,
                                         .count = 1,
                                         .field = how & FIELD ? "body" : NULL,
                                         .separator = how & SEPARATOR ? "---" : NULL,
                                         .column = how & OTHER ? "text" : NULL,
                                         .encoding = how & OTHER && how & FIELD ? "utf-16" : NULL};
    read_documents(&input);
    if (fuzz_ok(text_sample_draw(&sample, &input, 4096, 1, NULL, &error), &error)) {
        for (size_t i = 0; i < sample.count; i++) FUZZ_CHECK(sample.lines[i].bytes <= SAMPLE_LINE_MOST);
        text_sample_free(&sample);
    }
    return 0;
}
