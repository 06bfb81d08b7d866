#!/bin/sh
# Plants every bug of Mutants/*.patch in one copy of the tree, each behind its name, builds that copy
# once, and runs the simulation for each name over the seeds written in its patch. Every one must be
# found. One build for all of them: a build for each would take longer than the seeds.
#
#   mutants.sh [NAME]...     all of them unless told; the copy stays in MUTANTS_FOLDER if that is set
set -eu

here=$(cd "$(dirname "$0")" && pwd)
tree=$(cd "$here/../.." && pwd)
folder=${MUTANTS_FOLDER:-}
if [ -z "$folder" ]; then
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT INT TERM
fi

mkdir -p "$folder/tree"
rm -rf "$folder/tree/Sources" "$folder/tree/Tests"
cp "$tree/Package.swift" "$folder/tree/"
mkdir -p "$folder/tree/Sources" "$folder/tree/Tests"
for module in Model Meters Protocol Calendar AgentCore ControllerCore Simulation Simulate; do
    cp -R "$tree/Sources/$module" "$folder/tree/Sources/"
done
for tests in Model Meters Protocol Calendar AgentCore ControllerCore Simulation Tidy; do
    mkdir -p "$folder/tree/Tests/${tests}Tests/Golden" "$folder/tree/Tests/${tests}Tests/Fixtures"
    echo "// No tests here." >"$folder/tree/Tests/${tests}Tests/None.swift"
done
cp "$here/Mutants/Mutant.swift.txt" "$folder/tree/Sources/Model/Mutant.swift"

names=""
for patch in "$here"/Mutants/*.patch; do
    name=$(basename "$patch" .patch)
    names="$names $name"
    if ! patch --quiet --strip=1 --directory="$folder/tree" <"$patch"; then
        echo "Mutants/$name.patch does not apply any more: write it anew for today's source" >&2
        exit 1
    fi
done
if [ $# -gt 0 ]; then names=$*; fi

# `simulate --mutant NAME` exists in this copy alone.
sed -i 's|            case "--verbose"|            case "--mutant": unsafe Mutant.name = try value(of: option)\n&|' \
    "$folder/tree/Sources/Simulate/Arguments.swift"
sed -i '1i import Model' "$folder/tree/Sources/Simulate/Arguments.swift"

echo "building the copy with all planted bugs"
MUSTER_CORE=1 swift build -c release --package-path "$folder/tree" \
    --scratch-path "$folder/build" --product simulate >"$folder/build.log" 2>&1 || {
    grep -E "error|warning" "$folder/build.log" >&2
    exit 1
}

# A change of anything that draws from a seed moves what the seeds after it find: where those that are
# written down find nothing any more, others are looked through before the bug is called missed.
hunt() {
    name=$1
    seeds=$(sed -n 's/^seeds: //p' "$here/Mutants/$name.patch")
    log="$folder/$name.log"
    more="0..<1500"
    # From a million on the store is replaced by a backup: a bug of that is found nowhere else.
    case $seeds in 1000*) more="1000000..<1000400" ;; esac
    more=${MUTANTS_MORE:-$more}
    since=$(date +%s)
    for range in "$seeds" "$more"; do
        if ! "$folder/build/release/simulate" --mutant "$name" --seeds "$range" --first >"$log" 2>&1; then
            moved=""
            [ "$range" = "$seeds" ] || moved=" (moved: write this seed into its patch)"
            echo "caught  $name: $(grep -m 1 -E 'failed at|crashed' "$log" | cut -c 1-150)$moved" \
                "[$(($(date +%s) - since)) s]"
            return
        fi
    done
    echo "MISSED  $name (seeds $seeds, and $more)"
    touch "$folder/missed.$name"
}

rm -f "$folder"/missed.*
# Two at a time, as many as CI has processors.
first=""
for name in $names; do
    hunt "$name" &
    if [ -n "$first" ]; then
        wait "$first"
        first=""
    fi
    first=$!
done
wait
missed=$(find "$folder" -maxdepth 1 -name 'missed.*' | wc -l)
if [ "$missed" -gt 0 ]; then
    echo "$missed planted bugs were not found" >&2
    exit 1
fi
