#!/bin/bash
# ltm fewshot: tables, JSON, result files, going on after a kill, and every mistake in words.
# shellcheck source=tests/cli/cli.sh disable=SC2154,SC2317,SC2015
. "$(dirname "$0")/cli.sh"
small_corpus || { cat err; exit 1; }
"$LTM" train tiny.ini >out 2>err || { cat err; exit 1; }

mkdir words sums
for i in 1 2 3 4 5 6 7 8; do
    echo "{\"context\": \"the $i and\", \"choices\": [\"of\", \"sha ra\", \"that\"], \"gold\": $((i % 3)), \"kept\": $i}"
done >words/test.jsonl
for i in 1 2 3; do echo "{\"context\": \"in $i\", \"choices\": [\"a\", \"he\"], \"gold\": 1}"; done | gzip >words/train.jsonl.gz
printf '[task]\nname = words\nkind = choices\nitems = test.jsonl\nshots = train.jsonl.gz\n' >words/task.ini
for i in 1 2 3 4 5 6; do echo "{\"question\": \"$i and $i?\", \"answer\": \"so #### $((2 * i))\"}"; done >sums/test.jsonl
printf '[task]\nname = sums\nformat = gsm8k\nitems = test.jsonl\nshots = test.jsonl\nlength = 8\n' >sums/task.ini
echo '{"text": "the and of that"}' >last.jsonl
printf '[task]\nname = last\nformat = lambada\nitems = last.jsonl\n' >last.ini
echo '{"sentence_good": "the and of", "sentence_bad": "of the and"}' >pairs.jsonl
printf '[task]\nname = pairs\nformat = blimp\nitems = pairs.jsonl\n' >pairs.ini

tables() {
    run "$LTM" fewshot runs/tiny words last.ini pairs.ini --shots 0
    [ "$code" = 0 ] && [ "$(grep -cE ' of .* items?$' out)" = 3 ] || { cat out err; return 1; }
    grep -qE '^ shots +cut +acc +acc_norm +acc_bytes +exact_match$' out && grep -qE '^ shots +cut +acc +perplexity$' out &&
        grep -qE '^ +0 +0 +[01]\.[0-9]{4} ± [0-9.]+ ' out
}
holds 'a table for each task, a folder or an INI' tables
scan() {
    run "$LTM" fewshot runs/tiny words sums --shots 0,1,2 draws=2 fast.steps=1
    [ "$code" = 0 ] && [ "$(grep -cE '^ +[012] +[0-9]+ +[01]\.[0-9]{4} ± ' out)" = 6 ] &&
        grep -qE '^ +strict-match +flexible-extract$' out || { cat out err; return 1; }
}
holds 'a list of shots prints a row each' scan
frozen() { # z from the prior, which no step leaves
    "$LTM" fewshot runs/tiny words --json >fitted && "$LTM" fewshot runs/tiny words --json --frozen >still && "$LTM" fewshot runs/tiny words --json fast.steps=0 >unfitted &&
        "$LTM" fewshot runs/tiny words -o res-fitted >out && "$LTM" fewshot runs/tiny words -o res-still --frozen >out &&
        [ "$(jq -c .results still)" = "$(jq -c .results unfitted)" ] && ! cmp -s res-fitted/samples_*.jsonl res-still/samples_*.jsonl &&
        refused 1 'frozen' "$LTM" fewshot runs/tiny words -o res-still
}
holds 'z frozen at the prior' frozen
json() {
    run "$LTM" fewshot runs/tiny sums --samples 3 --pass 1,2 --shots 1 --limit 4 --json
    [ "$code" = 0 ] && jq -e '.results.sums | has("pass@2,strict-match")' out && lacks words out || return 1
    run "$LTM" fewshot runs/tiny words sums --shots 1 --limit 4 --json
    [ "$code" = 0 ] && jq -e '.results.words["acc,none"] >= 0 and (.results.words | has("acc_norm_stderr,none")) and
        (.results.sums | has("exact_match_stderr,flexible-extract")) and
        ."n-shot" == {"words": 1, "sums": 1} and ."n-samples".words.original == 8 and ."n-samples".words.effective == 4 and
        .versions.words == 1 and .configs.words.output_type == "multiple_choice" and .configs.sums.num_fewshot == 1 and
        .configs.sums.output_type == "generate_until" and .higher_is_better.words.acc' out >/dev/null || { cat out err; return 1; }
    run "$LTM" fewshot runs/tiny words --shots 0,1 --limit 1 --json
    [ "$code" = 0 ] && jq -e 'length == 2 and .[1]."n-shot".words == 1 and .[0].results.words["acc_stderr,none"] == "N/A"' out
}
holds 'JSON has the layout of the harness' json
files() {
    run "$LTM" fewshot runs/tiny words sums -o res --shots 1
    [ "$code" = 0 ] && [ "$(wc -l <res/samples_words_1shot.jsonl)" = 8 ] && [ "$(wc -l <res/samples_sums_1shot.jsonl)" = 12 ] &&
        jq -e '.results.sums["exact_match,strict-match"] == 0 and ."n-samples".sums.unfinished > 0' res/results_sums_1shot.json &&
        grep -qE '^sums: [0-9]+ texts were cut at the maximum length' err &&
        jq -se '[.[].doc_id] == [range(8)] and (.[3] | .doc.kept == 4 and .target == "1" and .filter == "none" and
            (.arguments | length) == 3 and (.arguments.gen_args_1.arg_0 | endswith("the 4 and")) and
            .arguments.gen_args_1.arg_1 == " sha ra" and (.filtered_resps[1][0] | tonumber < 0) and .resps[0][0][1] == "None" and
            .target_hash == "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b" and (.acc | . == 0 or . == 1))' res/samples_words_1shot.jsonl || { cat out err; return 1; }
}
holds 'results and items go to a folder' files
hashes() { # as lm-evaluation-harness makes them in Python
    command -v python3 >/dev/null || return 0
    python3 - <<'P'
import hashlib, json
for line in open("res/samples_words_1shot.jsonl"):
    s = json.loads(line)
    for key, text in (("doc_hash", json.dumps(s["doc"], indent=2, ensure_ascii=False)),
                      ("prompt_hash", s["arguments"]["gen_args_0"]["arg_0"]), ("target_hash", s["target"])):
        assert s[key] == hashlib.sha256(text.encode()).hexdigest(), key
P
}
holds 'with the hashes of the harness' hashes
completions() {
    mkdir -p data && for i in 0 1; do echo "{\"task_id\": \"HumanEval/$i\", \"prompt\": \"the $i\", \"canonical_solution\": \"of\"}"; done | gzip >data/HumanEval.jsonl.gz
    run "$LTM" fewshot runs/tiny "$top/runs/tasks/humaneval.ini" --data data --samples 3 --length 4 -o code
    [ "$code" = 0 ] && jq -se 'map(.task_id) == ["HumanEval/0", "HumanEval/0", "HumanEval/0", "HumanEval/1", "HumanEval/1", "HumanEval/1"]
        and all(.completion | type == "string")' code/completions_humaneval_0shot.jsonl &&
        diff <(jq -c '.resps[0][]' code/samples_humaneval_0shot.jsonl) <(jq -c .completion code/completions_humaneval_0shot.jsonl)
}
holds 'code is written for what runs it' completions
own_pairs() { # each different wrong sample, beside the answer where none is right
    run "$LTM" fewshot runs/tiny sums --samples 3 --length 4 --pairs -o own
    [ "$code" = 0 ] && jq -se 'length > 0 and all(.chosen != .rejected and (.prompt | type) == "string")' own/pairs_sums_0shot.jsonl &&
        [ "$(wc -l <own/pairs_sums_0shot.jsonl)" -le "$(jq '.resps[0] | length' own/samples_sums_0shot.jsonl | awk '{ n += $1 } END { print n }')" ] || { cat out err; return 1; }
    run "$LTM" fewshot runs/tiny sums --samples 3 --pairs
    [ "$code" = 1 ] && grep -q 'the folder of -o; name one' err || { cat out err; return 1; }
}
holds 'own samples are written as right and wrong answers' own_pairs
group() { # two paradigms of BLiMP and their average, from a folder of its own
    mkdir -p data/data && echo '{"sentence_good": "the and of", "sentence_bad": "of the and"}' >data/data/one.jsonl
    printf '{"sentence_good": "in the", "sentence_bad": "the in"}\n{"sentence_good": "a", "sentence_bad": "b"}\n' >data/data/two.jsonl
    run "$LTM" fewshot runs/tiny "$top/runs/tasks/blimp.ini" --data data
    [ "$code" = 0 ] && grep -q '^blimp_one: 1 of 1 item$' out && grep -q '^mean of 2 tasks of blimp$' out &&
        grep -q '^blimp: 3 of 3 items$' out || { cat out err; return 1; }
    run "$LTM" fewshot runs/tiny "$top/runs/tasks/blimp.ini" --data data --json
    [ "$code" = 0 ] && jq -e '.group_subtasks.blimp == ["blimp_one", "blimp_two"] and .group_subtasks.blimp_one == [] and
        (.groups.blimp["acc,none"] - (.results.blimp_one["acc,none"] + .results.blimp_two["acc,none"]) / 2 | fabs) < 1e-9 and
        .results.blimp == .groups.blimp and .configs.blimp_one.target_delimiter == " "' out
}
holds 'a group is its tasks and their average' group
contexts() { # each context alone, as a task of one context after the other, gives the same
    echo '{"sentence": "the _ and of", "option1": "in", "option2": "that he", "answer": "2"}' >data/dev.jsonl
    cp data/dev.jsonl data/train_xl.jsonl
    run "$LTM" fewshot runs/tiny "$top/runs/tasks/winogrande.ini" --data data -o wino
    for one in 'the in' 'the that he'; do
        echo "{\"context\": \"$one\", \"choices\": [\"and of\", \"x\"], \"gold\": 0}" >one.jsonl
        printf '[task]\nname = one\nkind = choices\nitems = one.jsonl\n' >one.ini
        rm -rf one && "$LTM" fewshot runs/tiny one.ini -o one >out 2>err && jq -r '.resps[0][0][0]' one/samples_one_0shot.jsonl
    done >apart
    jq -r '.resps[][0][0]' wino/samples_winogrande_0shot.jsonl >together && [ "$(wc -l <together)" = 2 ] &&
        jq -e '[.arguments[] | [.arg_0, .arg_1]] == [["the in", " and of"], ["the that he", " and of"]] and .target == "and of"' wino/samples_winogrande_0shot.jsonl &&
        paste apart together | awk '($1 - $2) ^ 2 > 1e-8 { exit 1 }' || { paste apart together; cat out err; return 1; }
}
holds 'an item may have a context for each choice' contexts
diverged() { # a second time from the folder
    for _ in 1 2; do
        run "$LTM" fewshot runs/tiny words -o wild fast.method=langevin fast.lr=100 fast.steps=8
        [ "$code" = 0 ] && grep -q '^words: the fast loop diverged on [1-9]' err || { cat err; return 1; }
    done
    grep -q '"diverged": *true' wild/samples_words_0shot.jsonl && jq -e '."n-samples".words.diverged > 0' wild/results_words_0shot.json
}
holds 'prompts that the fast loop cannot fit are counted' diverged

# Killed as soon as some items are there; goes on to the files of an undisturbed run.
for i in $(seq 120); do echo "{\"question\": \"$i and $i?\", \"answer\": \"#### $((2 * i))\"}"; done >many.jsonl
printf '[task]\nname = many\nformat = gsm8k\nitems = many.jsonl\nlength = 16\n' >many.ini
killed() {
    local lines
    "$LTM" fewshot runs/tiny many.ini -o whole run.threads=1 >out 2>err || return 1
    "$LTM" fewshot runs/tiny many.ini -o cut run.threads=1 >out 2>err &
    for _ in $(seq 2000); do
        lines=$(wc -l <cut/samples_many_0shot.jsonl 2>/dev/null)
        [ "${lines:-0}" -ge 6 ] && break
        sleep 0.005
    done
    kill -KILL $! && wait $! 2>/dev/null
    lines=$(wc -l <cut/samples_many_0shot.jsonl)
    [ -e cut/results_many_0shot.json ] && lines=0 # it was done before the kill
    run "$LTM" fewshot runs/tiny many.ini -o cut run.threads=2
    [ "$code" = 0 ] && { [ "$lines" = 0 ] || grep -q "many: $((lines / 2)) of 120 items were done already" err; } &&
        cmp whole/samples_many_0shot.jsonl cut/samples_many_0shot.jsonl &&
        cmp whole/results_many_0shot.json cut/results_many_0shot.json || { cat err; return 1; }
}
holds 'a killed run goes on and repeats no item' killed
holds 'with other settings it does not' refused 1 'started with seed = 1, now it is 2; restore it' \
    "$LTM" fewshot runs/tiny many.ini -o cut --seed 2
holds 'nor with another number of fast steps' refused 1 'was started with fast.steps' "$LTM" fewshot runs/tiny many.ini -o cut fast.steps=7

holds 'no task' refused 2 'a checkpoint and a task' "$LTM" fewshot runs/tiny
holds 'no checkpoint' refused 1 'nothing' "$LTM" fewshot nothing words
holds 'a task that is not there' refused 1 'none.ini: No such file' "$LTM" fewshot runs/tiny none.ini
holds 'a folder without task.ini' refused 1 'corpus/task.ini: No such file' "$LTM" fewshot runs/tiny corpus
holds 'a wrong last task, before the first is taken' refused 1 'none.ini' "$LTM" fewshot runs/tiny words none.ini
holds 'one task twice' refused 1 'both called words' "$LTM" fewshot runs/tiny words words/task.ini
holds 'more shots than there are' refused 1 '4 shots are requested, but task words has 3' "$LTM" fewshot runs/tiny words --shots 1,4
holds 'shots where there are none' refused 1 'its file has no shots' "$LTM" fewshot runs/tiny last.ini --shots 1
holds 'a wrong number of shots' refused 2 '--shots needs a whole number, not "x"' "$LTM" fewshot runs/tiny words --shots 1,x
holds 'a number of shots twice' refused 2 '--shots lists 1 twice' "$LTM" fewshot runs/tiny words --shots 1,1
holds 'an unknown option' refused 2 'did you mean shots' "$LTM" fewshot runs/tiny words shot=1
holds 'a key that changes nothing' refused 2 'model.dim has no effect here; use one of these keys: fast' "$LTM" fewshot runs/tiny words model.dim=4
holds 'several samples where none is written' refused 1 'need kind = generate, but task words' "$LTM" fewshot runs/tiny words --samples 5
holds 'pass@k from fewer samples' refused 1 'pass@5 needs 5 samples' "$LTM" fewshot runs/tiny sums --pass 5
printf '[task]\nname = x\nkind = choices\nitmes = test.jsonl\n' >bad.ini
holds 'a misspelt key of a task' refused 1 'did you mean items' "$LTM" fewshot runs/tiny bad.ini
printf '{"context": "a", "choices": ["b", "c"], "gold": 0}\n{"context": "a"}\n' >bad.jsonl
printf '[task]\nname = x\nkind = choices\nitems = bad.jsonl\n' >bad.ini
holds 'a malformed item, by line' refused 1 'line 2 of bad.jsonl: "choices" is not a list' "$LTM" fewshot runs/tiny bad.ini
long() {
    { cat words/test.jsonl; printf '{"context": "a", "choices": ["b", "%0500d"], "gold": 0}\n' 0; } >long.jsonl
    printf '[task]\nname = long\nkind = choices\nitems = long.jsonl\n' >long.ini
    refused 1 'item 8 of task long has an answer longer than model.sequence' "$LTM" fewshot runs/tiny words long.ini &&
        run "$LTM" fewshot runs/tiny long.ini --skip-long -o long && [ "$code" = 0 ] &&
        grep -q '^long: 1 of 9 items have an answer longer' err && jq -e '."n-samples".long.skipped == 1' long/results_long_0shot.json &&
        jq -se 'map(select(.skipped)) | length == 1' long/samples_long_0shot.jsonl &&
        run "$LTM" fewshot runs/tiny long.ini --skip-long -o long && grep -q '9 of 9 items were done already' err
}
holds 'an answer that is too long is found first, or left out' long
head -c 60 words/train.jsonl.gz >words/torn.jsonl.gz
printf '[task]\nname = x\nkind = choices\nitems = torn.jsonl.gz\n' >words/bad.ini
holds 'a torn .gz' refused 1 'torn.jsonl.gz is damaged' "$LTM" fewshot runs/tiny words/bad.ini
for foreign in corpus words; do
    holds "$foreign/ is no place for results" refused 1 "$foreign is not a folder of few-shot results: it contains" "$LTM" fewshot runs/tiny words -o $foreign
done
holds 'a folder that cannot be made' refused 1 'out/res' "$LTM" fewshot runs/tiny words -o out/res
run "$LTM" fewshot --help
holds 'help' grep -q -- '--shots N,…' out
finish
