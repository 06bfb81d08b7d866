"""What is known of the replication: lag, and the canary that proves it."""

import muster_recipe as recipe
from instance import number


def lag(instance, options):
    recovers = instance.in_recovery()
    if recovers is None:
        raise recipe.Unclear("the instance does not answer")
    if not recovers:
        recipe.say("lag-seconds=0\nlag-bytes=0")
        return 0
    here, age = instance.ask(
        "SELECT coalesce(pg_last_wal_replay_lsn(), '0/0'), "
        "round(extract(epoch FROM now() - "
        "coalesce(pg_last_xact_replay_timestamp(), pg_postmaster_start_time())), 1)"
    ).split("|")
    last = instance.file("primary-position")
    known = max([recipe.read_text(last) or "0/0", received(instance)], key=number)
    try:
        there = instance.ask_peer("SELECT pg_current_wal_flush_lsn()", timeout=4)
        reachable = True
    except recipe.Problem:
        there, reachable = known, False
    if number(there) == 0:
        raise recipe.Unclear("the primary was never reached: nobody knows what is missing")
    recipe.durable_write(last, max([known, there], key=number) + "\n")
    behind = max(0, number(there) - number(here))
    # Without the primary nobody knows whether it goes on: then the age of the last commit counts.
    seconds = 0 if reachable and behind == 0 else max(0.0, float(age))
    recipe.say(f"lag-seconds={seconds}\nlag-bytes={behind}")
    if not reachable:
        raise recipe.Unclear("the primary cannot be asked; the figures are against what it said last")
    return 0


def received(instance):
    """How far the primary was by its last message on the replication's own line."""
    return instance.try_ask("SELECT latest_end_lsn FROM pg_stat_wal_receiver") or "0/0"


def canary_write(instance, options):
    token = recipe.canary_from_input()
    instance.ask(
        "SET synchronous_commit = on; "
        "INSERT INTO muster_canary (one, token) VALUES (1, :'token') "
        "ON CONFLICT (one) DO UPDATE SET token = excluded.token, written = now()",
        token=token,
    )
    recipe.durable_write(instance.file("canary"), token + "\n")
    return 0


def canary_read(instance, options):
    seen = instance.try_ask("SELECT token FROM muster_canary")
    if seen is None and not instance.is_standby:
        # An old primary that is down: what it wrote last is in its data, whether or not it has arrived
        # anywhere. Muster is to know before the data are thrown away.
        seen = recipe.read_text(instance.file("canary"))
    if seen is None:
        raise recipe.Unclear("the instance does not answer")
    recipe.say(seen)
    return 0
