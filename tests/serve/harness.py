"""lm-evaluation-harness's own local-completions asks ltm serve; its scores and texts are those of ltm fewshot.

    harness.py URL SAMPLES-FOLDER SEQUENCE       or: harness.py --class CHECKPOINT LTM SAMPLES-FOLDER
"""
import json
import sys

from lm_eval.api.instance import Instance


def instances(folder, task, kind):
    found = []
    for line in open(f"{folder}/samples_{task}_0shot.jsonl"):
        sample = json.loads(line)
        for i, arguments in enumerate(sample["arguments"].values()):
            one = Instance(request_type=kind, doc=sample["doc"], arguments=(arguments["arg_0"], arguments["arg_1"]), idx=i)
            found.append((one, sample["resps"][i][0]))
    return found


def compare(model, folder, scores):
    want = instances(folder, "c", "loglikelihood") if scores else []
    got = model.loglikelihood([one for one, _ in want]) if want else []
    for (logprob, greedy), (_, (expected, was)) in zip(got, want):
        assert abs(logprob - float(expected)) < 1e-5, (logprob, expected)
        assert was in ("None", str(greedy)), (greedy, was)
    texts = instances(folder, "g", "generate_until")
    assert model.generate_until([one for one, _ in texts]) == [text for _, text in texts]
    print(f"{len(got)} scores and {len(texts)} texts are equal")


if sys.argv[1] == "--class":
    from lm_eval_ltm import LTM

    compare(LTM(checkpoint=sys.argv[2], ltm=sys.argv[3], settings="run.threads=1 run.precision=fp32"), sys.argv[4], True)
else:
    from lm_eval.models.openai_completions import LocalCompletionsAPI

    for backend, more in [("remote", {}), ("remote", {"num_concurrent": 4}), ("auto", {"batch_size": 5}),
                          ("remote", {"tokenized_requests": False}), ("none", {}), ("none", {"batch_size": 3})]:
        model = LocalCompletionsAPI(model="ltm", base_url=sys.argv[1] + "v1/completions", tokenizer_backend=backend,
                                    max_length=int(sys.argv[3]), max_retries=1, **more)
        print(backend, more)
        compare(model, sys.argv[2], backend != "none")
        if backend == "remote":
            rolled = model.loglikelihood_rolling([Instance("loglikelihood_rolling", {}, ("the and of " * 30,), 0)])
            assert rolled[0] < 0, rolled
