#!/bin/bash
# Whatever is wrong: one clear sentence, a non-zero exit, earlier files intact.
# shellcheck source=tests/cli/cli.sh disable=SC2154,SC2317,SC2015,SC2016
. "$(dirname "$0")/cli.sh"
small_corpus || { cat err; exit 1; }
"$LTM" train tiny.ini >out 2>err || { cat err; exit 1; }

no_command() {
    run "$LTM"
    [ "$code" = 2 ] && [ ! -s out ] && grep -q '^usage: ltm COMMAND' err
}
holds 'no command' no_command
holds 'an unknown command names the nearest' refused 2 'did you mean "train"\?' "$LTM" trian
holds 'an unknown command far from all' refused 2 'no command "xyzzy"; ltm --help' "$LTM" xyzzy
holds 'help on an unknown command' refused 2 'did you mean "eval"' "$LTM" help evla
holds 'an unknown option' refused 2 'no option --jsno' "$LTM" eval a b --jsno
holds 'no configuration' refused 2 'name a configuration' "$LTM" train
holds 'two configurations' refused 2 'section.key=value' "$LTM" train tiny.ini tiny.ini
holds 'a missing configuration' refused 1 'cannot read none.ini: No such file' "$LTM" train none.ini
holds 'a folder for a configuration' refused 1 'a folder' "$LTM" train corpus
holds 'an unknown key names the nearest' refused 1 'no key fast.step; did you mean fast.steps\?' "$LTM" train tiny.ini fast.step=4
holds 'a key in the wrong section' refused 1 'did you mean slow.batch' "$LTM" train tiny.ini run.batch=4
printf '[model]\ndim = 64\nhaeds = 2\n' >bad.ini
holds 'a wrong line is named by number' refused 1 'bad.ini, line 3: .*did you mean model.heads' "$LTM" train bad.ini
holds 'a word for a number' refused 1 'model.dim = "wide" is not a whole number' "$LTM" train tiny.ini model.dim=wide
holds 'contradictory shapes' refused 1 'model.dim = 100 is not a multiple of model.heads = 8; use 96 or 112' \
    "$LTM" train tiny.ini model.dim=100 model.heads=8
emptied() { # the user set nothing: it is the file
    cp -r runs/tiny emptied-run && : >emptied-run/config.ini
    refused 1 'emptied-run/config.ini is damaged: it lacks run.precision' "$LTM" train tiny.ini run.dir=emptied-run
}
holds 'a run whose configuration was emptied' emptied
holds 'an odd head' refused 1 'odd' "$LTM" train tiny.ini model.dim=6
holds 'latents that layers cannot share' refused 1 'latent.count = 3 is not a multiple of model.layers = 2' \
    "$LTM" train tiny.ini model.layers=2 latent.count=3
holds 'a window larger than the sequence' refused 1 'model.window = 64' "$LTM" train tiny.ini model.window=64
holds 'a vocabulary too large for shards' refused 1 'to 65536' "$LTM" train tiny.ini model.vocab=65537
holds 'a vocabulary smaller than the tokenizer' refused 1 'vocab' "$LTM" train tiny.ini model.vocab=100 run.dir=other
holds 'no corpus' refused 1 'data.corpus' "$LTM" train tiny.ini data.corpus= run.dir=other
holds 'a missing corpus' refused 1 'nowhere' "$LTM" train tiny.ini data.corpus=nowhere run.dir=other
holds 'a text shorter than one sequence' refused 1 'sequence|tokens' "$LTM" train tiny.ini model.sequence=65536 run.dir=other
holds 'another shape for a run that has begun' refused 1 'model.dim' "$LTM" train tiny.ini model.dim=32

"$LTM" tokenizer train -o other.model --vocab-size 330 --separator --- text.txt >out 2>err
"$LTM" corpus build -o other-corpus --tokenizer other.model --separator --- --heldout 0.1 text.txt >out 2>err
holds 'a tokenizer that is not the corpus'"'"'s' refused 1 'tokenizer' "$LTM" train tiny.ini data.tokenizer=other.model run.dir=other
holds 'a corpus of another tokenizer' refused 1 'tokenizer' "$LTM" eval runs/tiny other-corpus

holds 'eval without a corpus' refused 2 'a checkpoint and a corpus' "$LTM" eval runs/tiny
holds 'eval of nothing' refused 1 'nothing' "$LTM" eval nothing corpus
holds 'eval with another shape' refused 2 'model.dim has no effect here; use one of these keys: eval' "$LTM" eval runs/tiny corpus model.dim=8
holds 'eval with an unknown key' refused 1 'did you mean eval.samples' "$LTM" eval runs/tiny corpus eval.sample=3
holds 'eval dumping two corpora into one file' refused 2 'one corpus' "$LTM" eval runs/tiny corpus corpus eval.dump=x
holds 'generate with a wrong option' refused 2 'did you mean length' "$LTM" generate runs/tiny lenght=3
holds 'generate with a wrong number' refused 2 'out of range' "$LTM" generate runs/tiny --top-p 1.5
holds 'generate from two checkpoints' refused 2 'one checkpoint' "$LTM" generate runs/tiny runs/tiny
# Every command that takes the name of an output.
outputs() {
    local arguments
    while read -r arguments; do
        # shellcheck disable=SC2086
        refused 1 'tiny.ini/x' "$LTM" $arguments || return 1
    done <<LIST
train tiny.ini run.dir=tiny.ini/x
eval runs/tiny corpus eval.dump=tiny.ini/x
report runs/tiny -o tiny.ini/x
generate runs/tiny --length 3 -o tiny.ini/x
tokenizer train -o tiny.ini/x --vocab-size 320 text.txt
corpus build -o tiny.ini/x --tokenizer tok.model --separator --- text.txt
corpus synth arithmetic -o tiny.ini/x
fewshot runs/tiny synth --skip-long -o tiny.ini/x
LIST
    "$LTM" eval runs/tiny corpus eval.dump=deep/eval/x && "$LTM" report runs/tiny -o deep/report/x &&
        "$LTM" generate runs/tiny --length 3 -o deep/generate/x && "$LTM" tokenizer train -o deep/tokenizer/x --vocab-size 320 text.txt &&
        "$LTM" corpus build -o deep/corpus/x --tokenizer tok.model --separator --- text.txt &&
        "$LTM" fewshot runs/tiny synth --skip-long -o deep/fewshot/x && [ "$(printf "%s\n" deep/*/x | wc -l)" = 6 ]
}
"$LTM" corpus synth arithmetic --documents 9 --items 3 --train-items 3 -o synth >out 2>err
holds 'every output is refused by its name where it cannot be written, and its folders are made where it can' outputs
long_prompt=$(head -c 2000 text.txt)
holds 'a prompt that does not fit' refused 1 'prompt' "$LTM" generate runs/tiny --prompt "$long_prompt"
holds 'a prompt that is no UTF-8' refused 1 'UTF-8' "$LTM" generate runs/tiny --prompt $'\xff\xfe'
holds 'inspect of nothing' refused 1 'No such file' "$LTM" inspect nothing
mkdir -p somebody/checkpoints/step-00000004
holds 'inspect of checkpoints' refused 1 'contains the checkpoints of a run; inspect one of them, such as somebody/checkpoints/last, or the run' "$LTM" inspect somebody/checkpoints
holds 'inspect of a text' refused 1 'not something that ltm writes' "$LTM" inspect text.txt

damage() { # file: one byte in its middle
    local at=$(($(stat -c %s "$1") / 2))
    printf '\xaa\x55' | dd of="$1" bs=1 seek=$at conv=notrunc status=none
}
cp -r runs/tiny/checkpoints/last/ cut
truncate -s -100 cut/model.safetensors
holds 'a checkpoint that was cut short' refused 1 'cut/model.safetensors is damaged' "$LTM" eval cut corpus
holds 'inspect of it' refused 1 'cut/model.safetensors is damaged' "$LTM" inspect cut
holds 'inspect of its weights alone' refused 1 'truncated' "$LTM" inspect cut/model.safetensors
cp -r runs/tiny/checkpoints/last/ bent
damage bent/model.safetensors
holds 'a checkpoint with a wrong byte' refused 1 'bent/model.safetensors is damaged' "$LTM" generate bent
cp -r corpus bent-corpus
damage bent-corpus/train-00000.bin
holds 'a corpus with a wrong byte' refused 1 'bent-corpus/train-00000.bin is damaged' "$LTM" inspect bent-corpus
truncate -s -1 bent-corpus/train-00000.bin
holds 'a shard that was cut short' refused 1 'train-00000.bin is damaged' "$LTM" train tiny.ini data.corpus=bent-corpus run.dir=other
mkfifo pipe
holds 'a pipe that nobody writes to' refused 1 'pipe: it is not a regular file' timeout 20 "$LTM" inspect pipe

# The sanitizer of addresses would keep the signal to itself.
cut_while_read() {
    cp -r corpus lost-corpus
    ASAN_OPTIONS=${ASAN_OPTIONS:-}:handle_sigbus=0 \
        "$LTM" train tiny.ini data.corpus=lost-corpus run.dir=lost run.tokens=100M >out 2>err &
    until [ -e lost/checkpoints/last ]; do kill -0 $! || return; done
    truncate -s 0 lost-corpus/train-00000.bin
    wait $!
    [ $? = 1 ] && tail -n 1 err | grep -q '^ltm: .*/lost-corpus/train-00000.bin can no longer be read' && [ -e lost/checkpoints/last ]
}
holds 'a corpus that is cut short while it is read' cut_while_read

full_output() { refused 1 'No space left' bash -c '"$0" inspect corpus >/dev/full' "$LTM"; }
holds 'a result that does not fit on the disk' full_output
closed_streams() { # a file that is opened must not take the place of one, and get what is said
    "$LTM" train tiny.ini run.dir=closed <&- >/dev/null 2>&- || return 1
    lacks -v '^{' closed/log.jsonl && [ ! -s closed/.lock ] || return 1
    run bash -c '"$0" inspect corpus >&-' "$LTM"
    [ "$code" = 1 ] && grep -q 'cannot write the result: Bad file' err || return 1
    refused 1 'cannot read the text: Bad file' bash -c '"$0" tokenizer encode tok.model <&-' "$LTM"
}
holds 'standard streams that are closed' closed_streams
full_disk() {
    local before
    before=$(cat runs/tiny/checkpoints/*/* | cksum)
    # 8 blocks of 1,024 bytes: less than the weights need.
    refused 1 'cannot write .*File too large' bash -c 'ulimit -f 8; exec "$0" train tiny.ini run.dir=full' "$LTM" || return 1
    [ ! -e full/checkpoints/last ] && [ "$before" = "$(cat runs/tiny/checkpoints/*/* | cksum)" ] || return 1
    "$LTM" train tiny.ini run.dir=full
}
holds 'a full disk while a checkpoint is written, and going on when there is room' full_disk
finish
