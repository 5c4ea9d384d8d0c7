#!/bin/bash
# Files from strangers: made to deceive, to exhaust memory or the disk, to steer a terminal. One clear sentence each, nothing done.
# shellcheck source=tests/cli/cli.sh disable=SC2154,SC2317,SC2015,SC2016
. "$(dirname "$0")/cli.sh"
small_corpus || { cat err; exit 1; }
"$LTM" train tiny.ini run.tokens=512 >out 2>err || { cat err; exit 1; }

# A shell's printf as a file of little-endian numbers.
bytes() { # number, how many bytes
    local value=$1 i
    for ((i = 0; i < $2; i++)); do
        printf '%b' "\\x$(printf %02x $((value & 255)))"
        value=$((value >> 8))
    done
}
tensors() { # file, header, bytes of data
    { bytes ${#2} 8; printf '%s' "$2"; head -c "$3" /dev/zero; } >"$1"
}
plain() { # what the last command said has nothing that a terminal would obey
    ! LC_ALL=C grep -q '[^ -~[:space:]]' <(LC_ALL=C tr -d '\200-\377' <err) && ! LC_ALL=C grep -q $'\033' out err
}
# Refused, with a message that can be shown.
turned_away() { refused "$@" && plain; }

# ---- safetensors ----

tensors huge.safetensors '{"a":{"dtype":"F32","shape":[25000000000],"data_offsets":[0,100000000000]}}' 16
holds 'a tensor of 100 GB in a file of 100 bytes' turned_away 1 'tensor "a" lies outside the file' "$LTM" inspect huge.safetensors
tensors huge.safetensors '{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}}' 0
holds 'a size that overflows' turned_away 1 'tensor "a" has a shape that does not match' "$LTM" inspect huge.safetensors
tensors huge.safetensors '{"a":{"dtype":"U8","shape":[8],"data_offsets":[9223372036854775800,9223372036854775807]}}' 8
holds 'offsets at the end of all numbers' turned_away 1 'lies outside the file' "$LTM" inspect huge.safetensors
tensors x.safetensors '{"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[8],"data_offsets":[4,12]}}' 12
holds 'tensors that overlap' turned_away 1 'tensor "b" overlaps the one before it' "$LTM" inspect x.safetensors
tensors x.safetensors '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}' 2
holds 'two tensors of one name' turned_away 1 'duplicate object key' "$LTM" inspect x.safetensors
tensors x.safetensors '{"../../etc/passwd":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}' 1
holds 'a tensor named as a path that leads out' turned_away 1 'invalid name: .* contains control characters or \.\./' "$LTM" inspect x.safetensors
tensors x.safetensors '{"a\u001b[2J":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}' 1
holds 'a tensor whose name clears the screen' turned_away 1 'control characters' "$LTM" inspect x.safetensors
tensors x.safetensors '{"a":{"dtype":"\u001b[2J","shape":[1],"data_offsets":[0,1]}}' 1
holds 'a type that clears the screen' turned_away 1 'unknown dtype "\\x1B\[2J"' "$LTM" inspect x.safetensors
tensors x.safetensors '{"__metadata__":{"\u001b[2Jkey":"\u001b[2J"},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}' 1
shown() { run "$LTM" inspect x.safetensors && [ "$code" = 0 ] && plain && grep -qF '\x1B[2Jkey' out; }
holds 'metadata is shown, not obeyed' shown
{ bytes 4000000000 8; echo '{'; } >x.safetensors
holds 'a header longer than its file' turned_away 1 'a header of 4000000000 bytes does not fit' "$LTM" inspect x.safetensors

# ---- gzip, long lines, deep JSON ----

head -c 70M /dev/zero | tr '\0' a | gzip -9 >bomb.txt.gz
holds 'a gzip bomb' turned_away 1 'bomb.txt.gz unpacks to more than 200 times its size.*gunzip' \
    "$LTM" corpus build -o bombed --tokenizer tok.model bomb.txt.gz
holds 'that left nothing behind' test ! -e bombed -a ! -e bombed.building
{ printf '{"text": "'; head -c 70M /dev/zero | tr '\0' a; printf '"}\n'; } >long.jsonl
holds 'a line of JSON that is too long' turned_away 1 'line 1 of long.jsonl is longer than 64 MiB' "$LTM" tokenizer train -o t.model long.jsonl
holds 'a line to encode that is too long' turned_away 1 'longer than 64 MiB.*line 1' bash -c '"$0" tokenizer encode tok.model <long.jsonl' "$LTM"
rm long.jsonl
{ printf '{"text": '; head -c 100000 /dev/zero | tr '\0' '['; echo; } >deep.jsonl
holds 'JSON nested 100,000 deep' turned_away 1 'line 1 of deep.jsonl is not JSON: maximum parsing depth' \
    "$LTM" corpus build -o c --tokenizer tok.model deep.jsonl
{ printf '{"text": "x", "y": [0'; head -c 3000000 /dev/zero | tr '\0' ' ' | sed 's/  /,0/g'; echo ']}'; } >wide.jsonl
holds 'JSON of a million values in a line' turned_away 1 'it contains more than 1048576 values' \
    "$LTM" corpus build -o c --tokenizer tok.model wide.jsonl
{ head -c 2M /dev/zero | tr '\0' a; echo; } >prompts.txt
holds 'a prompt of 2 MB' turned_away 1 'line 1 of prompts.txt: a prompt of 2097152 bytes exceeds' "$LTM" generate runs/tiny --prompts prompts.txt

# ---- INI ----

{ echo '[model]'; printf 'dim = '; head -c 100000 /dev/zero | tr '\0' 1; echo; } >long.ini
holds 'an INI line of 100 KB' turned_away 1 'long.ini, line 2: the line is too long' "$LTM" train long.ini
printf '[model]\ndim = 1\0006\n' >nul.ini
holds 'an INI file with a NUL' turned_away 1 'nul.ini is not a text file: it contains a NUL byte' "$LTM" train nul.ini
printf '[model]\n\033[2Jdim = 16\n' >esc.ini
holds 'a key that clears the screen' turned_away 1 'no key model\.\\x1B\[2Jdim' "$LTM" train esc.ini
printf '[model]\ndim = \033]0;title\007\n' >esc.ini
holds 'a value that sets the title' turned_away 1 'model.dim = "\\x1B\]0;title\\x07" is not' "$LTM" train esc.ini
head -c 2M /dev/zero | tr '\0' ';' >large.ini
holds 'an INI file of 2 MB' turned_away 1 'too large' "$LTM" train large.ini
printf '[study]\nbase = tiny.ini\n[axes]\nslow.warmup = 1..100\nslow.batch = 1..100\nfast.steps = 1..101\n' >study.ini
holds 'a study of a million cells' turned_away 1 'make more than 10000 cells' "$LTM" sweep study.ini --dry-run
printf '[study]\nbase = tiny.ini\ndir = s\n[axes]\ndata.corpus = ../../../corpus corpus/../corpus\n' >study.ini
one_folder() { # a cell's name is one name whatever its values are
    run "$LTM" sweep study.ini --dry-run data.tokenizer=tok.model && [ "$code" = 0 ] && grep -q 'corpus.*_' out && ! grep -q 'corpus[^ ]*/' out
}
holds 'values that are paths make names that are none' one_folder

# ---- Tasks ----

mkdir task
echo '{"context": "a", "answer": "b"}' >task/t.jsonl
task() { printf '[task]\nname = %s\nkind = generate\nitems = t.jsonl\n%s\n' "$1" "$2" >task/task.ini; }
task '../../../tmp/x' ''
holds 'a task named as a path' turned_away 1 'name = "../../../tmp/x" is not 1 to 63 letters' "$LTM" fewshot runs/tiny task -o results
task x 'extract = ((((a{1,255}){1,255}){1,255}){1,255})'
holds 'an expression of four billion copies' turned_away 1 'more than 1000 copies' "$LTM" fewshot runs/tiny task -o results
task x 'extract = (a*)*b\1'
holds 'an expression that takes for ever' turned_away 1 'back-reference' "$LTM" fewshot runs/tiny task -o results
holds 'none of these wrote anything' test ! -e results

# ---- Tokenizers ----

head -c 1000 text.txt >garbage.model
holds 'a tokenizer of garbage' turned_away 1 'garbage.model is not a valid SentencePiece model' "$LTM" inspect garbage.model
head -c 3000 tok.model >cut.model
holds 'a tokenizer that was cut short' turned_away 1 'cut.model is not a valid SentencePiece model|cut.model is not a SentencePiece' \
    "$LTM" corpus build -o c --tokenizer cut.model text.txt
printf '\x12\x02\x18\x01' >none.model
holds 'a tokenizer without pieces' turned_away 1 'none.model is not a SentencePiece model: it contains no pieces' \
    bash -c 'echo x | "$0" tokenizer encode none.model' "$LTM"

# ---- Shards ----

shard() { # file, tokens it counts, tokens it has, token
    { bytes 20240520 4; bytes 1 4; bytes "$2" 4; head -c 1012 /dev/zero
      for ((i = 0; i < $3; i++)); do printf '%b' "$4"; done; } >"$1"
}
mkdir bare
shard bare/x_train_0.bin 200 200 '\x05\x00'
shard bare/x_val_0.bin 200 200 '\xff\xff'
holds 'a token that the model does not know' turned_away 1 'token ids outside the model.s vocabulary of 320' "$LTM" eval runs/tiny bare
shard bare/x_train_0.bin 200 200 '\xff\xff'
holds 'one to train on' turned_away 1 'token ids outside the model.s vocabulary' "$LTM" train tiny.ini data.corpus=bare model.vocab=320 run.dir=other
shard bare/x_val_0.bin 2000000000 3 '\x05\x00'
holds 'a count of tokens beyond the end' turned_away 1 'its header says 2000000000 tokens, but it contains 6 bytes' "$LTM" eval runs/tiny bare
shard bare/x_val_0.bin -1 3 '\x05\x00'
holds 'a count below nothing' turned_away 1 'its header says -1 tokens' "$LTM" eval runs/tiny bare
cp -r corpus lying
sed -i 's/train-00000.bin/..\/corpus\/train-00000.bin/' lying/corpus.json
holds 'a corpus that names files elsewhere' turned_away 1 'lying/corpus.json is damaged: a shard lacks its name' "$LTM" inspect lying
sed 's/"vocab": 320/"vocab": 4294967616/' corpus/corpus.json >lying/corpus.json # 320 and 2^32
holds 'a vocabulary of four billion' turned_away 1 'lying/corpus.json is damaged' "$LTM" inspect lying

# ---- What studies and runs leave ----

cp -r runs/tiny log-of-giants
echo '{"heldout":true,"step":1,"tokens":1e30,"bound":1e308,"bound_error":1e40}' >log-of-giants/log.jsonl
giants() { # whole numbers, not the first digits of 300
    run "$LTM" inspect log-of-giants
    [ "$code" = 0 ] && grep -qF 'tokens 1e+30, bound 1e+308, bound_error 1e+40' out || { cat out err; return 1; }
    run "$LTM" report log-of-giants
    [ "$code" = 0 ] && grep -qF '<dd>1e+308 ± 1e+40</dd>' log-of-giants/report.html
}
holds 'a log of enormous numbers' giants
mkdir table
{ echo 'cell,bound'; yes x,1 | head -n 10001; } >table/results.csv
holds 'a table of more cells than a study can have' turned_away 1 'has 10001 rows, but a study has at most 10000 cells' "$LTM" report table

# ---- What is named on the command line ----

steer=$'\e[2Jx'
holds 'a command that clears the screen' turned_away 2 'no command "trai\\x1B\[2Jx"' "$LTM" "trai$steer"
holds 'an option' turned_away 2 'no option --\\x1B\[2Jx' "$LTM" eval "--$steer"
holds 'a word too many' turned_away 2 'not also "\\x1B\[2Jx"' "$LTM" generate runs/tiny "$steer"
holds 'a number that is none' turned_away 2 'not "\\x1B\[2Jx"' "$LTM" fewshot --shots "$steer"
holds 'a token that is none' turned_away 1 '"\\x1B\[2Jx" is not a token' bash -c 'echo "$1" | "$0" tokenizer decode tok.model' "$LTM" "$steer"
shown() { # COMMAND…: its result names the folder, in a way that can be shown
    run "$@"
    [ "$code" = 0 ] && plain && grep -q 'x1B\[2Jx' out
}
results() {
    cp -r runs/tiny "$steer" || return 1
    shown "$LTM" tokenizer train -o "t$steer" --vocab-size 320 --separator --- text.txt &&
        shown "$LTM" corpus build -o "c$steer" --tokenizer tok.model --separator --- --heldout 0.1 text.txt &&
        shown "$LTM" eval "$steer" "c$steer" && shown "$LTM" eval "$steer" "c$steer" eval.samples=1,2 &&
        shown "$LTM" report "$steer"
}
holds 'folders that clear the screen, where results name them' results
finish
