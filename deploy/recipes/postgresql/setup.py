"""What an operator types: setting up, and bringing an old primary back."""

import os
import secrets
import shutil

import muster_recipe as recipe

TABLES = """
CREATE TABLE IF NOT EXISTS muster_canary (
    one integer PRIMARY KEY CHECK (one = 1), token text NOT NULL, written timestamptz DEFAULT now());
CREATE TABLE IF NOT EXISTS muster_epoch (
    one integer PRIMARY KEY CHECK (one = 1), epoch text NOT NULL, since timestamptz DEFAULT now());
GRANT SELECT ON muster_canary, muster_epoch TO :"replicator";
GRANT EXECUTE ON FUNCTION pg_ls_dir(text, boolean, boolean) TO :"replicator";
GRANT EXECUTE ON FUNCTION pg_stat_file(text, boolean) TO :"replicator";
GRANT EXECUTE ON FUNCTION pg_read_binary_file(text) TO :"replicator";
GRANT EXECUTE ON FUNCTION pg_read_binary_file(text, bigint, bigint, boolean) TO :"replicator";
ALTER SYSTEM SET default_transaction_read_only = on
"""


def primary(instance, options):
    """Makes the first primary, of a new or an existing data folder. May be repeated."""
    if not options.epoch:
        raise recipe.Usage("say under which epoch, with --epoch: muster site list")
    epoch = recipe.epoch_of(options.epoch)
    mine, own = take(instance)
    if instance.is_standby:
        raise recipe.Refused("this is a standby")
    if not instance.exists:
        recipe.run(
            [
                instance.program("initdb"), "-D", instance.data, "-U", "postgres", "-E", "UTF8",
                "--locale=C.UTF-8", "--data-checksums", "--auth-local=peer",
                "--auth-host=scram-sha-256",
            ],
            timeout=300,
        )
    if not os.path.exists(instance.passfile):
        recipe.durable_write(
            instance.passfile, f"*:*:*:{instance.replicator}:{secrets.token_hex(24)}\n", 0o600
        )
    password = recipe.read_text(instance.passfile).rpartition(":")[2]
    child = instance.start("primary", mine, own)
    try:
        instance.ready(child, "starting")
        exists = instance.ask(
            "SELECT count(*) FROM pg_roles WHERE rolname = :'replicator'", replicator=instance.replicator
        )
        if exists == "0":
            instance.ask('CREATE ROLE :"replicator" REPLICATION LOGIN', replicator=instance.replicator)
        # \getenv: a secret does not stand in a list of processes.
        instance.ask(
            "\\getenv password MUSTER_SECRET\nALTER ROLE :\"replicator\" PASSWORD :'password'",
            replicator=instance.replicator,
            environment={"MUSTER_SECRET": password},
        )
        instance.ask(TABLES.strip(), replicator=instance.replicator)
    finally:
        instance.stop(child)
    keep_safe(instance)
    for name in ("epoch", "granted", "primary"):
        instance.record(name, epoch)
    recipe.say(f"the primary of site {instance.site} under {recipe.epoch_text(epoch)}; now start its service")
    return 0


def keep_safe(instance):
    """An instance that somebody starts by hand takes no clients."""
    path = os.path.join(instance.data, "pg_hba.conf")
    before = path + ".before-muster"
    if os.path.exists(path) and not os.path.exists(before):
        shutil.copy2(path, before)
    with open(instance.hba["standby"], encoding="utf-8") as file:
        recipe.durable_write(path, file.read(), 0o600)


def take(instance):
    """Both locks: the services have given the instance up, and do not take it meanwhile."""
    mine = instance.lock("primary", limit=10)
    if mine is None:
        raise recipe.Refused("the primary runs here")
    own = instance.lock("instance", limit=60)
    if own is None:
        raise recipe.Problem("something of the instance still runs after 60 s")
    return mine, own


def standby(instance, options):
    mine, own = take(instance)
    if instance.exists:
        raise recipe.Refused(f"{instance.data} is not empty; to throw it away: rebuild --copy")
    if not os.path.exists(instance.passfile):
        raise recipe.Usage(f"{instance.passfile} is missing: copy it from the primary, mode 0600")
    copy(instance, instance.data)
    recipe.durable_write(instance.signal_file, "", 0o600)
    recipe.say(f"a standby of {instance.peer_host}:{instance.peer_port}; now start its service")
    return 0


def copy(instance, target):
    recipe.run(
        [
            instance.program("pg_basebackup"), "-D", target, "-X", "stream", "-c", "fast",
            "-d", instance.conninfo(),
        ],
        timeout=86400,
    )


def divergence(instance, options):
    beyond = instance.divergence()
    if beyond is None:
        raise recipe.Unclear("the peer cannot be asked")
    recipe.say(f"diverged-bytes={beyond}")
    return 1 if beyond else 0


def rebuild(instance, options):
    """Irrevocable: what only this instance has is lost, and that is said before."""
    if options.confirm != instance.site:
        raise recipe.Refused(
            f"what only this instance has will be lost; look at `divergence`, then: --confirm {instance.site}"
        )
    state = instance.ask_peer("SELECT pg_is_in_recovery(), (SELECT epoch FROM muster_epoch)")
    recovers, _, epoch = state.partition("|")
    if recovers != "f":
        raise recipe.Refused("the peer is no primary: nothing to be rebuilt from")
    # A primary of a lower epoch than this instance has heard of is itself the one to be rebuilt.
    with recipe.at_or_above(instance.greatest, epoch, epoch_only=True):
        mine, own = take(instance)
        mark = instance.file("rebuilding")
        again = os.path.exists(mark)
        beyond = instance.divergence() if instance.exists else None
        recipe.durable_write(mark, f"{epoch}\n")
        how = None if options.copy or again or not instance.exists else rewind(instance, mine, own)
        if how is None:
            renew(instance)
            how = "copied"
        keep_safe(instance)
        recipe.durable_write(instance.signal_file, "", 0o600)
        recipe.durable_remove(instance.file("granted"))
        recipe.durable_remove(instance.file("canary"))
        recipe.durable_remove(mark)
    recipe.say(f"{how} from the primary under {epoch}; thrown away: {beyond if beyond is not None else '?'} bytes")
    return 0


def rewind(instance, mine, own):
    """`rewound`, or nothing where only a copy helps."""
    try:
        state = instance.control()["Database cluster state"]
        if not state.startswith("shut down"):
            # pg_rewind wants it shut down cleanly. In recovery nothing new comes into being.
            recipe.durable_write(instance.signal_file, "", 0o600)
            child = instance.start("standby", mine, own)
            try:
                instance.ready(child, "recovering")
            finally:
                instance.stop(child)
        recipe.run(
            [
                instance.program("pg_rewind"), "-D", instance.data,
                f"--source-server={instance.conninfo('postgres')}",
            ]
            + ([f"--config-file={instance.config_file}"] if instance.config_file else []),
            timeout=86400,
        )
        return "rewound"
    except recipe.Problem as problem:
        recipe.log(f"pg_rewind cannot: {problem}; copying instead")
        return None


def renew(instance):
    """A copy beside, then in place: a copy that is cut off leaves the old folder as it is."""
    fresh, old = instance.data + ".copy", instance.data + ".old"
    shutil.rmtree(fresh, ignore_errors=True)
    copy(instance, fresh)
    shutil.rmtree(old, ignore_errors=True)
    if os.path.exists(instance.data):
        os.rename(instance.data, old)
    os.rename(fresh, instance.data)
    recipe.sync_folder(os.path.dirname(instance.data))
    shutil.rmtree(old, ignore_errors=True)


def status(instance, options):
    last, granted = instance.primary_epoch, instance.granted
    recovers = instance.in_recovery()
    role = {None: "does not answer", True: "standby", False: "primary"}[recovers]
    recipe.say(f"{instance.site}: {role}")
    recipe.say(f"  greatest epoch  {recipe.read_text(instance.greatest) or 'none'}")
    recipe.say(f"  granted         {recipe.epoch_text(granted) if granted else 'none'}")
    recipe.say(f"  last primary    {recipe.epoch_text(last) if last else 'never'}")
    if recovers is not None:
        where = "pg_last_wal_replay_lsn()" if recovers else "pg_current_wal_lsn()"
        recipe.say(f"  position        {instance.ask('SELECT ' + where)}")
    beyond = instance.divergence() if recovers is not False and instance.exists else 0
    recipe.say(f"  diverged bytes  {'?' if beyond is None else beyond}")
    return 0
