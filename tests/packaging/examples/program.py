"""From Python, by ctypes: program.py LIBRARY CHECKPOINT"""
import ctypes
import json
import sys

ltm = ctypes.CDLL(sys.argv[1])


class Error(ctypes.Structure):
    _fields_ = [("code", ctypes.c_int), ("message", ctypes.c_char * 1024)]


class ScorerOptions(ctypes.Structure):
    _fields_ = [("draws", ctypes.c_int), ("seed", ctypes.c_uint64), ("threads", ctypes.c_int),
                ("precision", ctypes.c_int), ("fast", ctypes.c_void_p)]


error = Error()
ltm.ltm_scorer_defaults.restype = ScorerOptions
options = ltm.ltm_scorer_defaults()
options.threads = 1


def check(status):
    if status != 0:
        raise RuntimeError(error.message.decode())


model = ctypes.c_void_p()
scorer = ctypes.c_void_p()
check(ltm.ltm_model_open(ctypes.byref(model), sys.argv[2].encode(), ctypes.byref(error)))
check(ltm.ltm_scorer_open(ctypes.byref(scorer), model, ctypes.byref(options), ctypes.byref(error)))
requests = [{"context": "the", "continuation": " and"}, {"context": "the"}]
lines = (ctypes.c_char_p * 2)(*(json.dumps(request).encode() for request in requests))
replies = (ctypes.c_void_p * 2)()
check(ltm.ltm_scorer_answer(scorer, lines, replies, 2, ctypes.byref(error)))
free = ctypes.CDLL(None).free
free.argtypes = [ctypes.c_void_p]
answers = []
for reply in replies:
    answers.append(json.loads(ctypes.string_at(reply)))
    free(reply)
ltm.ltm_scorer_close(scorer)
ltm.ltm_model_close(model)
print(answers)
assert answers[0]["logprob"] < 0 and "error" in answers[1]
