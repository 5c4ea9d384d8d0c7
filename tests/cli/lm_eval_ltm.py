"""lm-evaluation-harness asks an ltm model. z is fitted on each context, never on what is scored behind it.

    pip install lm-eval
    python3 tests/cli/lm_eval_ltm.py --model ltm --model_args checkpoint=runs/mine,ltm=build/ltm --tasks blimp,piqa
"""
import json
import subprocess
import threading

from lm_eval.api.model import LM
from lm_eval.api.registry import register_model


@register_model("ltm")
class LTM(LM):
    def __init__(self, checkpoint, ltm="ltm", settings="", **_):
        super().__init__()
        command = [ltm, "score", checkpoint, *settings.split()]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8")

    def write(self, questions):
        for question in questions:
            self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()

    def ask(self, questions):
        writer = threading.Thread(target=self.write, args=(questions,))
        writer.start()  # beside the reading: a pipe holds 64 KiB
        replies = [json.loads(self.process.stdout.readline()) for _ in questions]
        writer.join()
        for reply in replies:
            if "error" in reply:
                raise ValueError(reply["error"])
        return replies

    def loglikelihood(self, requests, **_):
        questions = [dict(zip(("context", "continuation"), request.args)) for request in requests]
        return [(reply["logprob"], reply["greedy"]) for reply in self.ask(questions)]

    def loglikelihood_rolling(self, requests, **_):  # texts that fit into the model's sequence
        return [reply["logprob"] for reply in self.ask([{"context": "", "continuation": r.args[0]} for r in requests])]

    def generate_until(self, requests, **_):
        questions = []
        for request in requests:
            context, how = request.args
            question = {"context": context, "generate": True, "stop": how.get("until", [])}
            question["temperature"] = how.get("temperature", 0) if how.get("do_sample") else 0
            if "max_gen_toks" in how:
                question["length"] = how["max_gen_toks"]
            questions.append(question)
        return [reply["text"] for reply in self.ask(questions)]


if __name__ == "__main__":
    from lm_eval.__main__ import cli_evaluate

    cli_evaluate()
