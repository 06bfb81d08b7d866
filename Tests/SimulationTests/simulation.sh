#!/bin/sh
# Runs the simulation as every change must pass it: 2 000 seeds in release build, two processes side
# by side; then the same seeds in two processes with different hash seeds must leave the same trace.
#
#   simulation.sh [SEEDS]    2000 unless told; SIMULATE=PROGRAM takes one that is built
set -eu

tree=$(cd "$(dirname "$0")/../.." && pwd)
seeds=${1:-2000}
scratch=${SIMULATION_SCRATCH:-$tree/.build/core}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT INT TERM

simulate=${SIMULATE:-}
if [ -z "$simulate" ]; then
    MUSTER_CORE=1 swift build -c release --package-path "$tree" --scratch-path "$scratch" \
        --product simulate >"$folder/build.log" 2>&1 || {
        grep -E "error|warning" "$folder/build.log" >&2
        exit 1
    }
    simulate="$scratch/release/simulate"
fi
half=$((seeds / 2))
failed=0

"$simulate" --seeds "0..<$half" >"$folder/first" 2>&1 &
first=$!
"$simulate" --seeds "$half..<$seeds" >"$folder/second" 2>&1 || failed=1
wait "$first" || failed=1
# A quarter as many in which the controller's store is replaced by a backup.
restored=1000000
middle=$((restored + seeds / 8))
"$simulate" --seeds "$restored..<$middle" >"$folder/third" 2>&1 &
third=$!
"$simulate" --seeds "$middle..<$((restored + seeds / 4))" >"$folder/fourth" 2>&1 || failed=1
wait "$third" || failed=1
cat "$folder/first" "$folder/second" "$folder/third" "$folder/fourth"

same=$((seeds / 10))
SWIFT_DETERMINISTIC_HASHING=1 "$simulate" --seeds "0..<$same" --hashes >"$folder/with" 2>&1 &
with=$!
env -u SWIFT_DETERMINISTIC_HASHING "$simulate" --seeds "0..<$same" --hashes \
    >"$folder/without" 2>&1 || failed=1
wait "$with" || failed=1
grep -E '^[0-9]+ [0-9a-f]+$' "$folder/with" >"$folder/with.hashes"
grep -E '^[0-9]+ [0-9a-f]+$' "$folder/without" >"$folder/without.hashes"
if ! cmp -s "$folder/with.hashes" "$folder/without.hashes"; then
    echo "the same seeds left different traces in two processes:" >&2
    diff "$folder/with.hashes" "$folder/without.hashes" | head -4 >&2
    failed=1
else
    echo "the traces of $(wc -l <"$folder/with.hashes") seeds are the same in two processes"
fi
exit "$failed"
