#!/bin/bash
# ltm export: what other programs read computes what ltm scores.
# shellcheck source=tests/cli/cli.sh disable=SC1091,SC2154,SC2317,SC2015
. "$(dirname "$0")/cli.sh"
small_corpus || { cat err; exit 1; }
python=/usr/bin/python3
"$python" -c 'import torch' 2>/dev/null || python=

# trained RUN KEY=VALUE…: a few slow steps at a rate that moves every weight.
trained() {
    local run=$1
    shift
    "$LTM" train tiny.ini run.dir="$run" run.precision=fp32 run.eval_every=0 slow.lr=0.01 slow.warmup=0 slow.optimizer=adamw "$@" >out 2>err || { cat err; return 1; }
    rm -f "$run.dump" && "$LTM" eval "$run" corpus eval.sequences=3 eval.dump="$run.dump" eval.states=yes run.precision=fp32 >out 2>err || { cat err; return 1; }
}
exports=()
# exported FORM RUN
exported() {
    run "$LTM" export "$2" -o "$2-$1" --as "$1"
    exports+=("$2-$1")
    [ "$code" = 0 ] && cmp "$2-$1/tokenizer.model" tok.model && grep -q "\"checkpoint\": \"$2\"" "$2-$1/export.json" || { cat err; return 1; }
}
torch() { trained "$@" && exported torch "$1"; }
holds 'a latent model as a PyTorch module' torch latent latent.init_scale=1
holds 'one whose fits start from an encoder' torch encoder latent.init_scale=1 latent.encoder=bag
holds 'one whose latents stream, read at once' torch stream latent.init_scale=1 latent.kind=streaming latent.chunk=0
starts() { grep -q 'cross_attention.start.*cross_attention.gain' stream-torch/model.py; }
holds 'which starts where z was learned to' starts
holds 'one with every extra of a layer' torch extras latent.init_scale=1 model.qk_norm=rms model.mix_input=yes model.value_residual=yes \
    model.softcap=15 model.output=own model.ffn=relu2 slow.predict=2 data.packing=masked model.layers=3 latent.from=1 latent.count=4 model.kv_heads=1
holds 'one in loops, which are added to' torch add latent.init_scale=1 model.layers=4 latent.from=1 latent.count=3 model.prelude=1 model.coda=1 model.loops=3 loop.inject=add loop.gains=own
holds 'one in loops that join' torch concat latent.count=0 model.loops=2 loop.inject=concat
holds 'one in loops that contract' torch diagonal latent.count=0 model.loops=2 loop.inject=diagonal
holds 'one whose layers repeat' torch again latent.count=0 model.loops=2 model.order=AABB

llama() { trained "$@" && exported llama "$1"; }
holds 'a plain model with a window as Mistral' llama plain latent.count=0 model.window=8 model.kv_heads=1
holds 'one without, and an output of its own, as Llama' llama wide latent.count=0 model.window=32 model.output=own slow.predict=2
architectures() { grep -q '"sliding_window": 8' plain-llama/config.json && grep -q '"LlamaForCausalLM"' wide-llama/config.json; }
holds 'which config.json says' architectures
scores() { "$python" "$top/tests/cli/export_check.py" "${exports[@]}"; }
if [ -n "$python" ]; then holds 'all compute what ltm scores' scores; else echo "# without python3-torch no export is run"; fi

table() { # the log for a spreadsheet
    run "$LTM" inspect latent --csv
    [ "$code" = 0 ] && head -n 1 out | grep -q '^step,tokens,recon,kl,loss,lr,' && [ "$(wc -l <out)" = $(($(wc -l <latent/log.jsonl) + 1)) ] &&
        [ "$(awk -F, 'NR == 3 { print $1 "," $5 }' out)" = "$(jq -r 'select(.step == 2) | "\(.step),\(.loss)"' latent/log.jsonl)" ]
}
holds 'a log as CSV' table
holds 'no log' refused 1 'log.jsonl: No such file' "$LTM" inspect corpus --csv
holds 'a Llama has no latents' refused 1 'latent.count = 0' "$LTM" export latent -o x --as llama
unwritten() { [ ! -e x ]; }
holds 'and nothing is written' unwritten
holds 'and no loops' refused 1 'model.loops = 1' "$LTM" export concat -o x --as llama
streams() {
    "$LTM" train tiny.ini run.dir=streams run.precision=fp32 run.eval_every=0 latent.kind=streaming latent.chunk=8 >out 2>err || { cat err; return 1; }
    refused 1 'latent.kind = streaming' "$LTM" export streams -o nowhere && [ ! -e nowhere ]
}
holds 'nor what streams a form' streams
cp -r latent/checkpoints before
holds 'a folder that is no export stays' refused 1 'latent is not the folder of an export' "$LTM" export latent -o latent
untouched() { diff -r latent/checkpoints before; }
holds 'as it was' untouched
replaced() { run "$LTM" export latent -o latent-torch && [ "$code" = 0 ]; }
holds 'an old export is replaced' replaced
holds 'a form that is none' refused 2 'torch or llama, not "onnx"' "$LTM" export latent -o x --as onnx
holds 'no folder' refused 2 '-o DIR' "$LTM" export latent
finish
