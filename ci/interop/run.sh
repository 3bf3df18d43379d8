#!/usr/bin/env bash
# Reads the log of a real run with HdrHistogram for Java, Python and JavaScript, and compares counts and
# percentile prints with those of loadgen. What is missing is installed where that is possible, else the
# check is skipped with a line; with AELAB_REQUIRE_INTEROP=1 that is a failure.
# Usage: ci/interop/run.sh [LOADGEN]
set -euo pipefail
cd "$(dirname "$0")/../.."

skip() {
    echo "interoperability: skipped: $1" >&2
    [ "${AELAB_REQUIRE_INTEROP:-0}" = 1 ] && exit 1
    exit 0
}

loadgen="${1:-target/debug/loadgen}"
[ -x "$loadgen" ] || skip "$loadgen is not built"
scratch="$(mktemp -d)"
server=""
trap '[ -z "$server" ] || kill "$server"; rm -rf "$scratch"' EXIT

jar=/usr/share/java/HdrHistogram.jar
[ -e "$jar" ] || jar=/usr/share/java/hdrhistogram.jar
if ! command -v java >/dev/null || [ ! -e "$jar" ]; then
    words="libhdrhistogram-java"
    command -v java >/dev/null || words="$words default-jre-headless"
    # shellcheck disable=SC2086
    apt-get install -y -qq --no-install-recommends $words >/dev/null 2>&1 || skip "no Java HdrHistogram (apt install $words)"
    [ -e "$jar" ] || skip "no $jar"
fi
command -v node >/dev/null && command -v npm >/dev/null || skip "no node and npm"
python3 -m venv "$scratch/venv" >/dev/null 2>&1 || skip "no python3 with venv"
"$scratch/venv/bin/pip" install -q hdrhistogram==0.10.8 >/dev/null 2>&1 || skip "no Python hdrhistogram"
mkdir "$scratch/js"
npm install --silent --prefix "$scratch/js" hdr-histogram-js@3.0.1 >/dev/null 2>&1 || skip "no hdr-histogram-js"

port=$((20000 + RANDOM % 20000))
"$loadgen" serve --port "$port" --save "" >/dev/null 2>&1 &
server=$!
check() {
    # Exit code 4: the machine was too busy for a valid measurement. The log is complete all the same.
    local code=0
    "$loadgen" run -p "$port" --wait-ready 10s --no-live --force --out "$scratch/run" "$@" >/dev/null 2>&1 || code=$?
    [ "$code" -eq 0 ] || [ "$code" -eq 4 ] || { echo "loadgen run $* failed: $code" >&2; exit 1; }
    "$scratch/venv/bin/python" ci/interop/check.py "$loadgen" "$scratch/run" "$jar" "$scratch/js" "$scratch"
}
check -n 20000 --ratio 1:9
check --rate 2k --duration 3s --command "GET __key__"
