# shellcheck shell=bash disable=SC2154
# Part of deploy/quickstart --once: a site falls below its minimum, and who is told of it by mail.

post=$project/deploy/demo/mails.py

say "two are told, by mail, when paris has fewer nodes Online than its minimum of 3"
muster notify test ops || die "the test was not delivered"

say "one agent of paris is killed, then another; then both come back"
mails=$("$post" count "$folder/mail")
before=$(service_pid paris-1 tm)
kill -KILL "$(agent_pid paris-1)"
wait_for 10 "paris-1 is Offline: its session was reset" reason_has paris-1 "reset"
"$post" wait "$folder/mail" "$mails" site.below-minimum firing || die "nobody was told"
second=$("$post" count "$folder/mail")
kill -KILL "$(agent_pid paris-3)"
wait_for 10 "paris-3 is Offline: its session was reset" reason_has paris-3 "reset"
"$post" wait "$folder/mail" "$second" site.below-minimum firing || die "nobody was told of the further loss"
[ "$(service_pid paris-1 tm)" = "$before" ] || die "service tm of paris-1 did not outlive its agent"
say "  ok: their services go on (tm of paris-1 is process $before)"
start_agent paris-1
start_agent paris-3
wait_for 30 "paris-1 and paris-3 are Online again" all_online paris-1 paris-3
[ "$(service_pid paris-1 tm)" = "$before" ] || die "service tm of paris-1 was started a second time"
say "  ok: their services were taken over, not started again"
"$post" wait "$folder/mail" "$second" site.below-minimum resolved || die "nobody was told of the recovery"
"$post" crossing "$folder/mail" "$mails" paris || die "the mails are not as they should be"
say "  ok: each of the two got three mails, in one thread: the crossing, the further loss, the recovery"
