#!/bin/bash
# run.on_event: the user's command at the events of a run.
# shellcheck source=tests/cli/cli.sh disable=SC1091,SC2154,SC2317,SC2015,SC2016
. "$(dirname "$0")/cli.sh"
small_corpus || { cat err; exit 1; }

cat >hook <<'HOOK'
#!/bin/bash
echo "$LTM_EVENT ${LTM_STEP:-0}/${LTM_STEPS:-0} $LTM_RUN bound=${LTM_BOUND:+yes} ${LTM_CHECKPOINT##*/} $1 $#" >>"$HOOK_LOG"
echo "$LTM_MESSAGE" >>"$HOOK_LOG.messages"
[ "$LTM_EVENT" != best ] || exit 3
HOOK
chmod +x hook
export HOOK_LOG=$scratch/hook.log
events() {
    LTM_MESSAGE=old run "$LTM" train tiny.ini run.dir=r 'run.on_event=./hook  $(touch,hacked);x'
    [ "$code" = 0 ] && [ ! -e hacked ] || { cat err; return 1; }
    cat >expected <<'END'
begin 0/8 r bound=  $(touch,hacked);x 1
eval 4/8 r bound=yes  $(touch,hacked);x 1
checkpoint 4/8 r bound=yes step-00000004 $(touch,hacked);x 1
best 4/8 r bound=yes step-00000004 $(touch,hacked);x 1
END
    head -n 4 hook.log | diff - expected && tail -n 1 hook.log | grep -q '^end 8/8 r bound=yes' && ! grep -q . hook.log.messages &&
        grep -q 'run.on_event: ./hook .* ended with code 3 at the event best' err
}
holds 'a command is run at events, by no shell, and its failures are told' events
same() { "$LTM" train tiny.ini run.dir=plain >out 2>err && cmp r/checkpoints/last/model.safetensors plain/checkpoints/last/model.safetensors; }
holds 'and it changes nothing' same
again() { # a finished run may be asked for with another command
    : >hook.log && run "$LTM" train tiny.ini run.dir=r run.on_event=./hook
    [ "$code" = 0 ] && grep -q '^end 8/8' hook.log || { cat err; return 1; }
}
holds 'another command is no other run' again
failing() {
    : >hook.log.messages && run "$LTM" train tiny.ini run.dir=r run.seed=5 run.on_event=./hook
    [ "$code" = 1 ] && grep -q '^failure ' hook.log && grep -q 'began with run.seed' hook.log.messages
}
holds 'a failure says why' failing
missing() {
    run "$LTM" train tiny.ini run.dir=m run.on_event=./nowhere
    [ "$code" = 0 ] && grep -q 'run.on_event: ./nowhere cannot be run: No such file' err || { cat err; return 1; }
}
holds 'a command that is not there is told' missing
finish
