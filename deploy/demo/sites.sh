# shellcheck shell=bash disable=SC2154
# Part of deploy/quickstart --once: a drill, a switchover, a failback, and a failover with the
# production site killed by force in the middle of 1 000 tasks; then the return of the zombies.

proof=$project/deploy/demo/sites.py
active_site() { muster site list --no-headers | awk '/active/ { print $1 }'; }
is_active() { [ "$(active_site)" = "$1" ]; }
quiet() { ! pgrep -f "$folder/$1-[0-9]/(tm|web|monitor)" >/dev/null; }
run_number() { muster run list -o json | grep -o '"id" *: *[0-9]*' | grep -o '[0-9]*$' | sort -n | tail -n 1; }
check_run() {
    muster run report "$(run_number)" --format json >"$folder/report.json"
    "$proof" report "$folder/report.json" "$1" || die "the $1 is not as it should be"
}

say "the standby site is drilled, and production goes on"
cat >"$folder/drill.yaml" <<'YAML'
name: quarterly
for: [drill]
steps:
  - step: gate
    gate:
  - step: fence
    fence:
  - step: activate
    activate:
  - step: start
    start: {}
  - step: try
    sandbox-tasks: {type: PUSH, count: 12, account: drill}
  - step: verify
    verify:
YAML
muster plan set "$folder/drill.yaml" --reason quickstart >/dev/null
for number in 1 2 3; do muster node pair "lyon-$number" "paris-$number" --reason quickstart >/dev/null; done
before=$(service_pid paris-1 tm)
muster drill lyon --confirm lyon --reason quickstart >"$folder/drill.log" ||
    die "the drill has failed: $(cat "$folder/drill.log")"
check_run drill
grep -q "12 sandbox tasks of type PUSH are done on lyon-1, lyon-2, lyon-3" "$folder/report.json" ||
    die "the drill's tasks are not as they should be"
[ "$(service_pid paris-1 tm)" = "$before" ] || die "the drill has touched production"
quiet lyon || die "something of the drill still runs"
say "  ok: lyon was started, ran 12 tasks and stopped again, tm of paris-1 is process $before as before"

say "the work moves to lyon, and back"
mails=$("$post" count "$folder/mail")
muster switchover --to lyon --confirm lyon --reason quickstart >"$folder/switchover.log" ||
    die "the switchover has failed: $(cat "$folder/switchover.log")"
check_run switchover
is_active lyon || die "the active site is $(active_site)"
quiet paris || die "something still runs in paris"
muster failback --to paris --confirm paris --reason quickstart >"$folder/failback.log" ||
    die "the failback has failed: $(cat "$folder/failback.log")"
check_run failback
is_active paris || die "the active site is $(active_site)"
quiet lyon || die "something still runs in lyon"
wait_for 30 "all six are Online" all_online "${paris[@]}" "${lyon[@]}"
"$post" none "$folder/mail" "$mails" || die "planned work was told"
say "  ok: nobody got a mail of it: it was planned"

say "paris is killed by force in the middle of 1 000 tasks"
: >"$folder/ledger"
"$demo" lines 1000 failover >"$folder/failover.jsonl"
muster task submit --file "$folder/failover.jsonl" -o json >"$folder/by-failover.json"
grep -o '"id" *: *[0-9]*' "$folder/by-failover.json" | grep -o '[0-9]*$' >"$folder/accepted"
until [ "$(begun)" -ge 200 ]; do sleep 0.1; done
mails=$("$post" count "$folder/mail")
pkill -KILL -f "$folder/paris-" || true
say "  ok: nothing of paris is left, $(begun) tasks were begun"
wait_for 20 "paris-1 is Offline" is paris-1 offline
"$post" wait "$folder/mail" "$mails" site.below-minimum firing || die "nobody was told that paris is lost"
muster failover --to lyon --confirm lyon --no-wait --reason "quickstart: paris was killed" \
    >"$folder/failover.log" || die "the failover was refused: $(cat "$folder/failover.log")"
number=$(run_number)
asks() { muster run show "$number" -o json | grep -q "run certify"; }
wait_for 30 "the run waits: paris does not stop by itself, and cannot be asked" asks
! is_active lyon || die "lyon was activated before paris was proven to be off"
quiet lyon || die "something runs in lyon before paris was proven to be off"
for node in "${paris[@]}"; do
    muster run certify "$number" "$node" --confirm "$node" --reason "killed by this script" >/dev/null
done
muster run follow "$number" >>"$folder/failover.log" ||
    die "the failover has failed: $(cat "$folder/failover.log")"
check_run failover
is_active lyon || die "the active site is $(active_site)"

say "the zombies return"
for node in "${paris[@]}"; do start_agent "$node"; done
is_back() { tail -n 50 "$folder/$1/agent.log" | grep -q "session with a controller.*role=standby"; }
for node in "${paris[@]}"; do
    wait_for 30 "$node is back, and was told that it is a standby" is_back "$node"
    # One that was lost before is held for a while, so that it does not flap; nobody has to wait here.
    muster node release "$node" --reason quickstart >/dev/null 2>&1 || true
done
wait_for 60 "all six are Online" all_online "${paris[@]}" "${lyon[@]}"
quiet paris || die "something runs in paris"
wait_for 240 "every task has ended" none_live
unknown=$(muster task list --limit 1000 --state unknown -o json |
    grep -o '"id" *: *[0-9]*' | grep -o '[0-9]*$' || true)
# shellcheck disable=SC2086
[ -z "$unknown" ] || muster task resolve $unknown --done --reason quickstart >/dev/null
record
"$demo" prove "$folder/record.json" "$folder/ledger" "$folder/accepted" || die "not as it should be"
muster run report "$number" --format json >"$folder/report.json"
"$proof" accounted "$folder/report.json" "$folder/record.json" || die "the ledger has a gap"
muster failback --to paris --confirm paris --reason quickstart >"$folder/failback.log" ||
    die "the failback has failed: $(cat "$folder/failback.log")"
check_run failback
"$proof" effects "$folder/effects" || die "two sites have acted at once"
