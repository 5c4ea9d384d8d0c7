/* Score a corpus: score CHECKPOINT CORPUS */
#include <stdio.h>

#include <ltm.h>

int main(int argc, char **argv) {
    struct ltm_error error = {LTM_OK, ""};
    struct ltm_model *model = NULL;
    struct ltm_eval_result score;
    if (argc != 3) return 2;
    ltm_status status = ltm_model_open(&model, argv[1], &error);
    if (status == LTM_OK) status = ltm_eval(model, argv[2], ltm_model_config(model), NULL, &score, &error);
    if (status == LTM_OK)
        printf("%.3f ± %.3f nats a token\n", score.bound.nats.mean, score.bound.nats.error);
    else
        fprintf(stderr, "%s\n", error.message);
    ltm_model_close(model);
    return status != LTM_OK;
}
