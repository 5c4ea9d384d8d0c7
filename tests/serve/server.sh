# What the tests of ltm serve share: a server of its own on a free port, and a client.
# shellcheck shell=bash disable=SC2034,SC2154
# shellcheck source=tests/cli/cli.sh
. "$top_of_tests/cli/cli.sh"
run "$LTM" serve --help
command -v curl >/dev/null && command -v jq >/dev/null || exit 77
small_corpus || { cat err; exit 1; }

# serve CHECKPOINT OPTION…: a server at $url, with $server its process.
serve() {
    "$LTM" serve "$@" --port 0 run.threads=1 >served 2>served.err &
    server=$!
    for _ in $(seq 600); do
        url=$(sed -n 's/.* answers at //p' served)
        [ -z "$url" ] || return 0
        kill -0 $server 2>/dev/null || break
        sleep 0.1
    done
    ! grep -q 'without libmicrohttpd' served.err || exit 77
    cat served.err
    return 1
}

# end [SIGNAL]: the server ends cleanly.
end() {
    kill "-${1:-TERM}" "$server" && wait "$server"
}

# post PATH JSON: the reply in `reply` and $body, its status in $status; neither is one after 60 s of silence. Without a process of its own:
# a test asks often.
post() {
    local LC_ALL=C line host=${url#http://}
    host=${host%/}
    exec 9<>"/dev/tcp/${host%:*}/${host##*:}"
    printf 'POST %s HTTP/1.0\r\nHost: %s\r\nContent-Length: %d\r\n\r\n%s' "$1" "$host" "${#2}" "$2" >&9
    IFS=' ' read -t 60 -r _ status _ <&9
    while IFS= read -t 60 -r line <&9 && [ "$line" != $'\r' ]; do :; done
    IFS= read -t 60 -r -d '' body <&9
    [ $? -le 128 ] || status='' # 1: the end of the reply
    exec 9<&- 9>&-
    printf %s "$body" >reply
}

# is STATUS JQ PATH JSON: the reply has this status, and the filter holds of it.
is() {
    post "$3" "$4"
    [ "$status" = "$1" ] && jq -e "$2" reply >/dev/null && return
    echo "$3 $4: $status, wanted $1 and $2"
    cat reply
    return 1
}
