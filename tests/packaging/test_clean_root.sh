#!/bin/bash
# make deb: the package in a fresh Debian of this release: apt finds what it needs, ltm trains and serves, and nothing of it stays.
#
#     PACKAGE=FILE.deb ROOT=DIR tests/packaging/test_clean_root.sh       with a package, and a root made by debootstrap, that are there
set -euo pipefail
skip() { echo "1..0 # SKIP $1"; exit 77; }
[ "$(id -u)" = 0 ] || skip 'only root can make a root'
for program in debootstrap dpkg-deb unshare; do command -v $program >/dev/null || skip "$program is not installed"; done
if [ -z "${PACKAGE:-}" ]; then
    [ -n "${MAKELEVEL:-}" ] || exit 77 # only make knows with which flags $BUILD was built
    (unset MAKEFLAGS MFLAGS && make deb "BUILD=$BUILD")
    PACKAGE=$(echo "$BUILD"/ltm_*.deb)
fi
root=${ROOT:-$TMPDIR/root}
if [ ! -e "$root/etc/apt" ]; then
    # shellcheck source=/dev/null
    suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
    debootstrap --variant=minbase "$suite" "$root" >"$TMPDIR/debootstrap.log" 2>&1 || skip "debootstrap $suite: $(tail -n 1 "$TMPDIR/debootstrap.log")"
fi
cp "$PACKAGE" "$root/tmp/ltm.deb"
cp /etc/resolv.conf "$root/etc/"
cat >"$root/tmp/try" <<'TRY'
set -euo pipefail
files() { find /usr /etc /lib /opt /srv /var/lib -xdev ! -path '/var/lib/dpkg*' ! -path '/var/lib/apt*' | grep -i 'ltm' | sort || true; }
mkdir -p /tmp/work && cd /tmp/work
[ -z "$(files)" ]
apt-get update -qq && apt-get install -y -qq --no-install-recommends /tmp/ltm.deb >apt.log 2>&1 || { tail apt.log; exit 1; }
ltm --version
for i in $(seq 300); do echo "In the beginning number $i was the word, and the word said unto the people $((i * 7 % 13)) things."; done >text.txt
ltm tokenizer train -o tok.model --vocab-size 300 text.txt
ltm corpus build -o corpus --tokenizer tok.model --heldout 0.1 text.txt
printf '[run]\nthreads = 1\n' >tiny.ini
ltm train tiny.ini data.corpus=corpus run.dir=run run.tokens=8k model.dim=16 model.layers=1 model.heads=2 model.sequence=32 model.window=8 \
    latent.count=2 slow.batch=8
ltm serve run --port 0 run.threads=1 >served 2>&1 &
for _ in $(seq 300); do grep -q 'answers at' served && break; sleep 0.1; done
port=$(sed -n 's,.*:\([0-9]*\)/$,\1,p' served)
body='{"prompt": "In the", "max_tokens": 5}'
exec 3<>"/dev/tcp/127.0.0.1/$port"
printf 'POST /v1/completions HTTP/1.0\r\nContent-Length: %d\r\n\r\n%s' ${#body} "$body" >&3
cat <&3 | grep '"text_completion"'
kill %1 && wait %1
[ -e /usr/share/man/man1/ltm-train.1 ] && [ -e /usr/include/ltm.h ]
apt-get purge -y -qq ltm >apt.log 2>&1 || { tail apt.log; exit 1; }
files
[ -z "$(files)" ]
TRY
# shellcheck disable=SC2016 # the inner shell expands it
unshare --mount bash -c 'mount -t proc proc "$1/proc" && mount --rbind /dev "$1/dev" && exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
    DEBIAN_FRONTEND=noninteractive http_proxy="${http_proxy:-}" https_proxy="${https_proxy:-}" chroot "$1" bash /tmp/try' - "$root"
