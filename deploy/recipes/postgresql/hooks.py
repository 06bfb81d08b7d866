"""Hooks of plans. Each may be executed again at any time, and carries the epoch of its run."""

import os

import muster_recipe as recipe
from instance import number


def context(instance, side):
    """The run's epoch, on a node of the site it is for."""
    site = recipe.variable("MUSTER_TO" if side == "to" else "MUSTER_FROM")
    if site != instance.site:
        raise recipe.Refused(f"this hook is for site {site}, and this instance is of {instance.site}")
    return recipe.epoch_of(recipe.variable("MUSTER_EPOCH"))


def promote(instance, options):
    """Grants the role; the service `primary` takes it up. Between the two nothing can write here."""
    if options.probe:
        return probe(instance)
    epoch = context(instance, "to")
    name = recipe.epoch_text(epoch)
    with recipe.at_or_above(instance.greatest, name, epoch_only=True):
        if instance.granted == epoch:
            recipe.say(f"promoted under {name} before")
            return 0
        if not instance.is_standby and instance.primary_epoch != epoch:
            raise recipe.Refused("this instance is no standby: rebuild it first")
        if os.path.exists(instance.file("rebuilding")):
            raise recipe.Refused("a rebuild was cut off: repeat it")
        seen = instance.try_ask(
            "SELECT coalesce(pg_last_wal_replay_lsn()::text, ''), (SELECT token FROM muster_canary)"
        )
        instance.record("granted", epoch)
    where, _, canary = (seen or "|").partition("|")
    recipe.say(f"granted under {name}; replayed to {where or '?'}, last canary {canary or 'none'}")
    return 0


def probe(instance):
    """Done only when the instance itself says so."""
    epoch = recipe.epoch_text(recipe.epoch_of(recipe.variable("MUSTER_EPOCH")))
    state = instance.try_ask("SELECT pg_is_in_recovery(), (SELECT epoch FROM muster_epoch)")
    if state is None:
        raise recipe.Unclear("the instance does not answer")
    if state != f"f|{epoch}":
        raise recipe.Problem(f"not promoted under {epoch}: {state}")
    recipe.say(f"primary under {epoch}")
    return 0


def demote(instance, options):
    """After the service `primary` has stopped: from now on the same data is a standby's."""
    epoch = context(instance, "from")
    if options.probe:
        return 0 if instance.in_recovery() else 1
    with recipe.at_or_above(instance.greatest, recipe.epoch_text(epoch), epoch_only=True):
        if instance.is_locked("primary"):
            raise recipe.Problem("the primary still runs: stop its service first")
        if not instance.is_standby:
            state = instance.control()["Database cluster state"]
            if state != "shut down":
                raise recipe.Problem(f"it was not shut down cleanly ({state}): start and stop it")
            instance.record("demoted", instance.primary_epoch or epoch)
    recipe.wait_until(instance.in_recovery, 60, "the standby service to take the instance up")
    recipe.say(f"a standby at {instance.ask('SELECT pg_last_wal_replay_lsn()')}")
    return 0


def fence(instance, options):
    """The old primary can start no more under what its node knows: it would show a lower epoch."""
    epoch = context(instance, "from")
    name = recipe.epoch_text(epoch)
    if options.probe:
        known = recipe.read_text(instance.greatest)
        fenced = known and recipe.epoch_of(known) >= epoch and not instance.is_locked("primary")
        return 0 if fenced else 1
    with recipe.at_or_above(instance.greatest, name, epoch_only=True):
        if instance.is_locked("primary") and instance.primary_epoch != epoch:
            pid = recipe.read_text(os.path.join(instance.data, "postmaster.pid"), "").split("\n")[0]
            if pid:
                recipe.run(
                    [instance.program("pg_ctl"), "-D", instance.data, "-m", "immediate", "-w", "stop"],
                    accept=(0, 1),
                )
            recipe.wait_until(
                lambda: not instance.is_locked("primary"), 30, "the end of the old primary"
            )
    recipe.say(f"fenced: nothing below {name} starts here")
    return 0


def caught_up(instance, options):
    """Asked before the point of no return: the old primary has stopped and is a standby, too, and this
    one has replayed everything that the other has."""
    context(instance, "to")
    own = instance.ask("SELECT pg_is_in_recovery(), pg_last_wal_replay_lsn()")
    recovers, _, here = own.partition("|")
    if recovers == "f":
        if instance.primary_epoch == recipe.epoch_of(recipe.variable("MUSTER_EPOCH")):
            recipe.say("it is the primary already")
            return 0
        raise recipe.Problem("this instance is no standby")
    recovers, _, there = instance.ask_peer(
        "SELECT pg_is_in_recovery(), CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() END"
    ).partition("|")
    if recovers != "t":
        raise recipe.Problem("the old primary still takes writes")
    behind = number(there) - number(here)
    if behind > 0:
        raise recipe.Problem(f"{behind} bytes behind the old primary ({here} of {there})")
    recipe.say(f"nothing is missing: {here}")
    return 0
