#!/bin/bash
# ltm serve and clients that are many, slow, broken or gone.
# shellcheck disable=SC2154,SC2317
top_of_tests=$(dirname "$0")/..
# shellcheck source=tests/serve/server.sh
. "$top_of_tests/serve/server.sh"
"$LTM" train tiny.ini latent.count=0 run.tokens=512 run.eval_every=0 >out 2>err || { cat err; exit 1; }
for word in 'serve' 'serve runs/tiny --port 99999' 'serve runs/tiny --timeout 0'; do
    # shellcheck disable=SC2086 # a list of words
    holds "no: ltm $word" refused 2 'ltm serve' "$LTM" $word
done
holds 'no such host' refused 1 'host' "$LTM" serve runs/tiny --host no.such.host.invalid
serve runs/tiny --allow-host "you.example, me.example" --max-requests 4 --timeout 600 --max-body 5k || exit 1
port=${url##*:} port=${port%/}
for names in box:8080 'a, ::1'; do
    holds "no name: $names" refused 1 'allow-host.*without port' "$LTM" serve runs/tiny --port 0 --allow-host "$names"
done
holds 'a port that is taken' refused 1 'cannot listen.*use' "$LTM" serve runs/tiny --port "$port"

plain() { # without latents an echo needs no more words: as lm-evaluation-harness asks
    is 200 '.choices[0].logprobs.token_logprobs | .[0] == null and (.[1:] | all(. < 0))' /v1/completions \
        '{"prompt": [[9, 12, 30]], "max_tokens": 1, "logprobs": 1, "echo": true, "temperature": 0}'
}
holds 'a model without latents scores what it is sent' plain
many() { # 100 at once, of which 4 have room: each has an answer or is asked to come again
    seq 100 | xargs -P 100 -I{} curl -s -m 60 -o /dev/null -w '%{http_code}\n' -d '{"prompt": "the", "max_tokens": 25}' "${url}v1/completions" |
        sort | uniq -c >codes
    cat codes
    awk '$2 == 200 { good = $1 } $2 == 429 { again = $1 } { all += $1 } END { exit !(good >= 4 && good + again == 100 && all == 100) }' codes
}
holds '100 at once' many
endless='"prompt": "the", "temperature": 0, "max_tokens": 1000000'
gone() { # clients that leave, a stream or a reply that is to come; the next does not wait for all of it
    curl -s -d "{$endless, \"stream\": true}" "${url}v1/completions" 2>/dev/null | head -c 9 >part
    for _ in 1 2 3 4; do curl -s -m 0.3 -d "{$endless}" "${url}v1/completions" & done
    wait %2 %3 %4 %5
    grep -q '^data: {' part || return 1
    until plain >said; do # the server may not have noticed yet that they left
        [ "$status" = 429 ] || { cat said; return 1; }
        sleep 0.1
    done
}
holds 'one that leaves' gone
unread() { # a stream whose client does not read it ends before it fills the memory
    local body="{\"prompt\": \"the\", \"temperature\": 0, \"max_tokens\": 40000, \"logprobs\": 20, \"stream\": true}"
    exec 5<>"/dev/tcp/127.0.0.1/$port"
    printf 'POST /v1/completions HTTP/1.1\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s' "${#body}" "$body" >&5
    plain && tail -c 300 <&5 | grep 'reads too slowly'
}
holds 'a stream that nobody reads' unread
stranger() { # a browser says so of what a page of another site makes it send
    [ "$(curl -s -o reply -w '%{http_code}' -H 'Sec-Fetch-Site: cross-site' -d '{"prompt": "the"}' "${url}v1/completions")" = 403 ] &&
        [ "$(curl -s -o reply -w '%{http_code}' -H 'Sec-Fetch-Site: same-origin' -d '{"prompt": "the"}' "${url}v1/completions")" = 200 ]
}
holds 'pages of other sites' stranger
rebound() { # a name that another site has pointed at this machine
    local code
    for at in / /v1/models /tokenizer_info; do
        code=$(curl -s -o reply -w '%{http_code}' -H 'Host: evil.example' "${url%/}$at")
        [ "$code" = 403 ] && jq -e '.error.message | test("--allow-host")' reply || return 1
    done
    [ "$(curl -s -o reply -w '%{http_code}' -H 'Host: evil.example' -d '{"prompt": "the"}' "${url}v1/completions")" = 403 ] &&
        [ "$(curl -s -o reply -w '%{http_code}' -H "Host: me.example:$port" "${url}v1/models")" = 200 ] &&
        [ "$(curl -s -o reply -w '%{http_code}' -H "Host: localhost:$port" "${url}v1/models")" = 200 ] &&
        [ "$(curl -s -0 -o reply -w '%{http_code}' -H 'Host:' "${url}v1/models")" = 200 ]
}
holds 'names that are not its own' rebound
large() {
    head -c 6000 /dev/zero | tr '\0' ' ' >body
    [ "$(curl -s -o reply -w '%{http_code}' --data-binary @body "${url}v1/completions")" = 413 ] && jq -e '.error.message | test("5000")' reply &&
        [ "$(curl -s -o reply -w '%{http_code}' -H 'Transfer-Encoding: chunked' --data-binary @body "${url}v1/completions")" = 413 ]
}
holds 'one that is too large' large
page() { # it stands alone: no other host is named in it, and no other page may frame it
    curl -s -D head "$url" >page.html && grep -qi '^content-type: text/html' head && grep -q '<title>' page.html &&
        grep -qi "^content-security-policy: .*frame-ancestors 'none'" head && grep -qi '^x-frame-options: DENY' head &&
        lacks -oE '(https?:)?//[a-zA-Z0-9.]+' page.html && lacks -E '<(link|iframe|img|object)|@import|src=' page.html
}
holds 'the page asks nobody else' page
ending() { # work under way is told so, and the server ends
    curl -s -m 60 -w ' %{http_code}' -d "{$endless}" "${url}v1/completions" >reply &
    local client=$!
    sleep 0.3
    end INT && wait "$client" && grep -q 'the server is ending.* 503' reply
}
holds 'it ends cleanly with work under way' ending
serve runs/tiny --timeout 2 --sessions 1 || exit 1
port=${url##*:} port=${port%/}
strays() { # a turn that is refused takes nobody's session away
    is 200 '.turn == 0' /v1/completions '{"prompt": "the", "max_tokens": 1, "session": "mine", "turn": 0}' &&
        is 400 '.error.message | test("is 0, not 1")' /v1/completions '{"prompt": "of", "max_tokens": 1, "session": "other", "turn": 1}' &&
        is 200 '.turn == 1' /v1/completions '{"prompt": "of", "max_tokens": 1, "session": "mine", "turn": 1}'
}
holds 'a refused turn of another session' strays
late() { # a request that takes too long; in the meantime another is not forgotten
    is 503 '.error.message | test("longer than 2 s")' /v1/completions "{$endless}" && plain &&
        curl -s -m 60 -d "{$endless, \"stream\": true}" "${url}v1/completions" >reply && tail -n 2 reply | grep 'longer than 2 s' && lacks -F '[DONE]' reply
}
holds 'one that takes too long' late
broken() { # no HTTP, half a request, a byte now and then, nothing at all: closed in the end, and nobody else is held up
    for what in 'rubbish\r\n\r\n' 'POST /v1/completions HTTP/1.1\r\nContent-Length: x\r\n\r\n' 'GET / HTTP/9.9\r\n\r\n' '\0\0\0\0\r\n\r\n'; do
        exec 5<>"/dev/tcp/127.0.0.1/$port"
        # shellcheck disable=SC2059 # it has escapes
        printf "$what" >&5
        timeout 20 cat <&5 >/dev/null || return 1
    done
    exec 5<>"/dev/tcp/127.0.0.1/$port" 6<>"/dev/tcp/127.0.0.1/$port" 7<>"/dev/tcp/127.0.0.1/$port"
    printf 'POST /v1/completions HTTP/1.1\r\nContent-Length: 500\r\n\r\n{"pro' >&5
    (trap '' PIPE; for _ in $(seq 8); do printf 'A' >&6 || exit; sleep 0.5; done) 2>/dev/null &
    plain && timeout 20 cat <&5 >/dev/null && timeout 20 cat <&6 >/dev/null && timeout 20 cat <&7 >/dev/null && kill -0 "$server"
}
holds 'broken and slow clients' broken
mutated() { # 300 requests with bytes changed, left out or cut off: the server stays, and answers the next
    local LC_ALL=C at good bytes line body='{"prompt": "the and of", "max_tokens": 2, "logprobs": 1, "echo": true, "stop": ["a"]}'
    printf -v good 'POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s' ${#body} "$body"
    ( # a shell of its own: after a builtin could not write to a closed connection, the next line of the report was lost
        RANDOM=5
        trap '' PIPE
        for _ in $(seq 300); do
            bytes=$good
            for _ in $(seq $((1 + RANDOM % 4))); do
                at=$((RANDOM % ${#bytes}))
                case $((RANDOM % 4)) in
                0) bytes=${bytes:0:at}${bytes:at+1+RANDOM%9} ;;
                1) bytes=${bytes:0:at+1} ;;
                2) bytes=${bytes:0:at}${bytes:RANDOM%${#bytes}} ;;
                3) printf -v line '%b' "\\x$((RANDOM % 8))$((RANDOM % 10))" && bytes=${bytes:0:at}$line${bytes:at+1} ;;
                esac
            done
            exec 5<>"/dev/tcp/127.0.0.1/$port" && printf %s "$bytes" >&5 && timeout 0.03 head -c 1 <&5 >got
            exec 5<&- 5>&-
        done 2>/dev/null
    )
    kill -0 "$server" || return 1
    until plain >said; do
        [ "$status" = 429 ] || { cat said; return 1; }
        sleep 0.1
    done
}
holds 'mutated requests' mutated
holds 'SIGTERM ends it' end
"$LTM" train tiny.ini latent.count=0 model.memory=neural model.dim=64 model.layers=2 run.dir=runs/memory run.tokens=512 run.eval_every=0 >out 2>err && serve runs/memory --timeout 1 || exit 1
long() { # a memory reads all of a text, for many seconds if need be
    printf '{"prompt": "%s", "session": "s", "max_tokens": 1}' "$(yes 'the and of' | head -n 85000 | tr '\n' ' ')" >body
    is 503 '.error.message | test("longer than 1 s")' /v1/completions "$(cat body)" &&
        is 503 '.error.message | test("longer than 1 s")' /v1/completions "$(sed 's/"session": "s"/"echo": true, "logprobs": 1/' body)" &&
        is 200 '.turn == 0' /v1/completions '{"prompt": "the", "session": "s", "max_tokens": 1}'
}
holds 'a session, or a score, that reads for too long; the session is as it was' long
end
finish
