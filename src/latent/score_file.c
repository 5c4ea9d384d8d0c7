#include "latent/score_file.h"

#include <stddef.h>
#include <stdlib.h>

#include "base/csv.h"
#include "base/files.h"
#include "base/memory.h"

#define AT(name) offsetof(struct sequence_score, name)

ltm_status score_write(const char *path, const struct sequence_score *scores, const struct sequence_source *source,
                       int length, const struct score_options *options, struct ltm_error *error) {
    const bool rest = options->first_part > 0;
    const struct {
        const char *name;
        size_t field;
        size_t plus; /* 0: nothing is added */
        bool asked;
    } columns[] = {{"tokens", AT(tokens), 0, true},
                   {"recon", AT(recon), 0, true},
                   {"kl", AT(kl), 0, true},
                   {"bound", AT(recon), AT(kl), true},
                   {"iwae", AT(iwae), 0, options->iwae > 0},
                   {"prior", AT(prior), 0, options->prior > 0},
                   {"fitted_noise", AT(fitted), 0, options->fitted_noise},
                   {"rest_tokens", AT(rest_tokens), 0, rest},
                   {"continuation", AT(rest), 0, rest},
                   {"continuation_prior", AT(rest_prior), 0, rest && options->prior > 0}};
    enum { COLUMNS = sizeof columns / sizeof *columns };
    struct file_draft draft;
    int32_t *tokens = NULL;
    float *weights = NULL;
    ltm_status status = LTM_OK;
    TRY(NEW_ARRAY(tokens, 2 * (size_t)length, "a sequence", error));
    TRY(NEW_ARRAY(weights, (size_t)length, "a sequence", error));
    TRY(file_create(&draft, path, error));
    fputs("sequence", draft.stream);
    for (int c = 0; c < COLUMNS; c++)
        if (columns[c].asked) fprintf(draft.stream, ",%s", columns[c].name);
    for (int64_t i = 0; i < source->count; i++) {
        char sum[17];
        source->read(source, i, length, tokens, tokens + length, weights);
        checksum_hex(sum, tokens, 2 * (size_t)length * sizeof *tokens);
        fprintf(draft.stream, "\n%s", sum);
        for (int c = 0; c < COLUMNS; c++) {
            const char *score = (const char *)&scores[i];
            if (!columns[c].asked) continue;
            fputc(',', draft.stream);
            csv_put_real(draft.stream, *(const double *)(score + columns[c].field) +
                                           (columns[c].plus ? *(const double *)(score + columns[c].plus) : 0));
        }
    }
    fputc('\n', draft.stream);
    status = file_commit(&draft, error);
cleanup:
    free(tokens);
    free(weights);
    return status;
}
