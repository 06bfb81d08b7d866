"""The two services of an instance, and their checks.

`primary` is exclusive: the process that can take writes is a child of it, so that whatever Muster
proves of the service (stopped, fenced by its leash) is true of the primary. `standby` is drainable: it
runs the same data folder, in recovery, whenever the primary does not.
"""

import os
import signal
import time

import muster_recipe as recipe


class Stop:
    """Set by SIGTERM and SIGINT."""

    def __init__(self):
        self.asked = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask)

    def _ask(self, *_):
        self.asked = True


def primary(instance, options):
    stop = Stop()
    if drill := os.environ.get("MUSTER_DRILL"):
        return rehearse(instance, stop, drill)
    token = recipe.variable("MUSTER_TOKEN")
    epoch = recipe.epoch_of(token)
    name = recipe.epoch_text(epoch)
    with recipe.at_or_above(instance.greatest, name, epoch_only=True):
        pass
    mine = instance.lock("primary", limit=10)
    if mine is None:
        raise recipe.Problem("another primary of this instance still runs")
    own = instance.lock("instance", limit=60)
    if own is None:
        raise recipe.Problem("the standby has not given the instance up within 60 s")
    judge(instance, epoch)
    recipe.durable_remove(instance.file("demoted"))
    # First what it is, then the promotion: after a crash between the two it is promoted again.
    instance.record("primary", epoch)
    child = instance.start("primary", mine, own)
    try:
        return lead(instance, child, stop, name)
    finally:
        instance.stop(child)


def judge(instance, epoch):
    """Whether this instance may be the primary under an epoch."""
    name = recipe.epoch_text(epoch)
    if not instance.exists:
        raise recipe.Refused(f"{instance.data} is empty: setup-standby first")
    if os.path.exists(instance.file("rebuilding")):
        raise recipe.Refused("a rebuild was cut off: repeat it")
    if instance.granted != epoch:
        raise recipe.Refused(
            f"it was not promoted under {name}: the plan needs the hook promote-postgresql between "
            "activate and start"
        )
    if not instance.is_standby and instance.primary_epoch != epoch:
        raise recipe.Refused(
            f"it was the primary before, and another may have been since: rebuild it, then promote it"
        )


def lead(instance, child, stop, name):
    instance.ready(child, "starting")
    if instance.in_recovery():
        recipe.log(f"promoting under {name} at {instance.ask('SELECT pg_last_wal_replay_lsn()')}")
        instance.ask("SELECT pg_promote(true, 3600)", timeout=3610)
        recipe.wait_until(lambda: instance.in_recovery() is False, 60, "the end of recovery")
    instance.ask(
        "INSERT INTO muster_epoch (one, epoch) VALUES (1, :'epoch') "
        "ON CONFLICT (one) DO UPDATE SET epoch = excluded.epoch, since = now() "
        "WHERE muster_epoch.epoch <> excluded.epoch",
        epoch=name,
    )
    recipe.log(f"primary under {name}")
    # pg_rewind reads the timeline of its source from the last checkpoint.
    instance.ask("CHECKPOINT", timeout=3600)
    while not stop.asked:
        if child.poll() is not None:
            raise recipe.Problem(f"postgres ended with {child.returncode}")
        time.sleep(0.1)
    instance.stop(child)
    recipe.log(f"stopped at {instance.control()['Latest checkpoint location']}")
    return 0


def rehearse(instance, stop, drill):
    """In a drill production goes on: the standby must stay one. What can be looked at is."""
    if instance.in_recovery() is not True:
        raise recipe.Problem(f"drill {drill}: the standby does not answer")
    mark = instance.file("drill")
    recipe.durable_write(mark, f"{drill}\n")
    recipe.log(f"drill {drill}: the standby could be promoted, and is left as it is")
    try:
        while not stop.asked:
            time.sleep(0.1)
    finally:
        recipe.durable_remove(mark)
    return 0


def standby(instance, options):
    stop = Stop()
    token = os.environ.get("MUSTER_TOKEN")
    told = recipe.epoch_of(token) if token else None
    child, said = None, None
    try:
        while not stop.asked:
            if instance.is_locked("primary"):
                if child:
                    recipe.log("giving the instance up to the primary")
                    instance.stop(child)
                    child = None
            elif child is None:
                child, why = take_up(instance, told)
                if why and why != said:
                    recipe.log(why)
                said = why
            elif child.poll() is not None:
                raise recipe.Problem(f"postgres ended with {child.returncode}")
            time.sleep(0.1)
    finally:
        if child:
            instance.stop(child)
    return 0


def take_up(instance, told):
    """Starts the instance in recovery, or says why not."""
    if not instance.exists:
        return None, f"{instance.data} is empty: setup-standby"
    if os.path.exists(instance.file("rebuilding")):
        return None, "a rebuild goes on, or was cut off"
    last = instance.primary_epoch
    if not instance.is_standby and instance.demoted != last and not (last and told and told > last):
        return None, "it is the primary's: waiting until its service runs, or it is demoted"
    own = instance.lock("instance")
    if own is None:
        return None, "something of the instance still runs"
    try:
        if beyond := instance.divergence():
            raise recipe.Problem(
                f"it has {beyond} bytes that the peer's history has not: muster-postgresql rebuild"
            )
        if not instance.is_standby:
            recipe.durable_write(instance.signal_file, "", 0o600)
        recipe.log("starting as a standby")
        return instance.start("standby", own), None
    finally:
        os.close(own)


# --- Checks ----------------------------------------------------------------------------------------


def is_primary(instance, options):
    if drill := recipe.read_text(instance.file("drill")):
        recipe.say(f"drill {drill}: left as a standby")
        return 0
    epoch = recipe.epoch_text(instance.granted or (0, 0))
    state = instance.ask(
        "SELECT pg_is_in_recovery(), current_setting('default_transaction_read_only'), "
        "(SELECT epoch FROM muster_epoch)"
    )
    if state != f"f|off|{epoch}":
        raise recipe.Problem(f"not the primary under {epoch}: {state}")
    recipe.say(f"primary under {epoch}")
    return 0


def is_standby(instance, options):
    if instance.is_locked("primary"):
        recipe.say("its primary runs here")
        return 0
    recovers = instance.in_recovery()
    if recovers is None:
        raise recipe.Problem("it does not answer")
    if not recovers:
        raise recipe.Problem("it is not in recovery, and no service of Muster has started it")
    streams = instance.ask("SELECT status FROM pg_stat_wal_receiver")
    if streams != "streaming":
        if beyond := instance.divergence():
            raise recipe.Problem(f"it has {beyond} bytes that the peer's history has not: rebuild it")
        recipe.say("a standby; the primary does not send")
        return 0
    recipe.say(f"a standby at {instance.ask('SELECT pg_last_wal_replay_lsn()')}")
    return 0
