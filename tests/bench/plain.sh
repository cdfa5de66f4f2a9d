#!/usr/bin/env bash
# Speed and memory of the plain path: decode, prefill of 256 tokens, resident memory; and, on the
# default path, the time to the first token of the shipped model with an empty and a warm cache.
#
#   tests/bench/plain.sh [PROGRAM [MODEL]]      default: build/release/lapidary, the real 270M
#
# Prints one line per figure, with the goal behind it, and the load average before and after: on a
# busy machine the figures are those of the rest that was left.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
program=${1:-build/release/lapidary}
model=${2:-${LAPIDARY_MODEL:-$(tests/fetch_model)}}
runs=${RUNS:-3}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
load() { echo "load average: $(cut -d' ' -f1-3 /proc/loadavg) on $(nproc) cores"; }
number() { sed -n "s/.*\"$1\":\([0-9.e+-]*\).*/\1/p" "$2" | tail -1; }
median() { sort -g | awk '{ a[NR] = $1 } END { print a[int((NR + 1) / 2)] }'; }
rate() { awk -v n="$1" -v ms="$2" 'BEGIN { printf "%.2f\n", n * 1000 / ms }'; }

load
"$program" devices | sed -n 's/^chosen: /device: /p'
echo "model: $model"

words=$(printf ' the%.0s' $(seq 255))
run() { "$program" run -m "$model" --path plain --temp 0 --json -c 2048 "$@" 2>"$work/err"; }
run -p "$words" -n 1 >"$work/warm"  # fills the caches

for _ in $(seq "$runs"); do
    run -p "The history of the lighthouse begins" -n 33 >"$work/out"
    rate "$(number predicted_n "$work/out")" "$(number predicted_ms "$work/out")"
done | median | sed 's/.*/decode: & tokens\/s (goal: 2)/'

for _ in $(seq "$runs"); do
    run -p "$words" -n 1 >"$work/out"
    n=$(number prompt_n "$work/out")
    [[ $n == 256 ]] || { echo "plain.sh: the prompt has $n tokens, not 256" >&2; exit 1; }
    rate "$n" "$(number prompt_ms "$work/out")"
done | median | sed 's/.*/prefill of 256: & tokens\/s (goal: 10)/'

"$program" run -m "$model" --path plain --temp 0 -c 2048 -p "$words" -n 24 >"$work/out" 2>&1 &
pid=$!
peak=0
while kill -0 "$pid" 2>/dev/null; do
    now=$(awk '/^(RssAnon|RssShmem):/ { sum += $2 } END { print sum + 0 }' \
        "/proc/$pid/status" 2>/dev/null || echo 0)
    ((now <= peak)) || peak=$now
    sleep 0.05
done
wait "$pid"
file_kib=$(($(stat -Lc %s "$model") / 1024))
kv_kib=$("$program" info -m "$model" --json |
    sed 's/.*"n_ctx":2048,"weights":[0-9]*,"kv":\([0-9]*\).*/\1/' | awk '{ print int($1 / 1024) }')
awk -v p="$peak" -v f="$file_kib" -v kv="$kv_kib" 'BEGIN {
    printf "memory at -c 2048: %d MiB (goal: %d; file %d)\n", p / 1024,
        (1.2 * f + kv) / 1024 + 200, f / 1024 }'

first_token() {
    local begin end
    begin=$(date +%s%N)
    "$program" run --chat -p "Hello" -n 1 --temp 0 >/dev/null 2>&1
    end=$(date +%s%N)
    awk -v ns=$((end - begin)) 'BEGIN { printf "%.2f\n", ns / 1e9 }'
}
for _ in $(seq "$runs"); do
    rm -rf "$work/cache"
    mkdir -p "$work/cache"
    MESA_SHADER_CACHE_DIR=$work/cache XDG_CACHE_HOME=$work/cache first_token
done | median | sed 's/.*/first token of the shipped model, default path, empty cache: & s (goal: 15)/'
for _ in $(seq "$runs"); do
    MESA_SHADER_CACHE_DIR=$work/cache XDG_CACHE_HOME=$work/cache first_token
done | median | sed 's/.*/first token of the shipped model, default path, warm cache: & s (goal: 2)/'
load
