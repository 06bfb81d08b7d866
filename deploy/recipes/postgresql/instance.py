"""One PostgreSQL instance of a site: its files, its locks, and what it says of itself."""

import fcntl
import os
import re
import signal
import subprocess
import time

import muster_recipe as recipe

KEYS = (
    "site", "data", "programs", "state", "socket", "listen", "port", "peer", "replication-user",
    "password-file", "hba-primary", "hba-standby", "config-file", "start-limit", "set.",
)

# What an instance must not be without: the standby streams and can be read, pg_rewind works, and a
# standby that was away for a while finds what it missed.
SETTINGS = {
    "wal_level": "replica",
    "hot_standby": "on",
    "wal_log_hints": "on",
    "max_wal_senders": "10",
    "wal_keep_size": "1GB",
    "recovery_target_timeline": "latest",
    "wal_receiver_timeout": "10s",
    "wal_retrieve_retry_interval": "1s",
}


class Instance:
    def __init__(self, path):
        settings = recipe.Configuration(path, "postgresql", KEYS)
        self.site = recipe.own_site(settings.text("site"))
        self.data = settings.path_of("data")
        self.programs = settings.path_of("programs", "/usr/lib/postgresql/15/bin")
        self.state = settings.path_of("state")
        self.socket = settings.path_of("socket")
        self.listen = settings.text("listen", "127.0.0.1")
        self.port = settings.number("port", 5432, 1, 65535)
        self.peer_host, _, self.peer_port = settings.text("peer").rpartition(":")
        if not self.peer_host or not self.peer_port.isdigit():
            raise recipe.Usage(f"{path}: peer is HOST:PORT, the other site's instance")
        self.replicator = settings.text("replication-user", "muster_replica")
        self.passfile = settings.path_of("password-file")
        self.hba = {
            "primary": settings.path_of("hba-primary"),
            "standby": settings.path_of("hba-standby"),
        }
        self.config_file = settings.values.get("config-file") and settings.path_of("config-file")
        self.start_limit = settings.number("start-limit", 300, 1, 86400)
        self.further = settings.prefixed("set.")
        os.makedirs(self.state, mode=0o700, exist_ok=True)

    # --- Files -------------------------------------------------------------------------------------

    def file(self, name):
        return os.path.join(self.state, name)

    @property
    def greatest(self):
        """Where the greatest epoch is kept that this instance has heard of."""
        return self.file("epoch")

    @property
    def granted(self):
        """The epoch under which the promote hook lets it be the primary, or nothing."""
        return self._epoch("granted")

    @property
    def primary_epoch(self):
        """The epoch under which it last was the primary, or nothing."""
        return self._epoch("primary")

    @property
    def demoted(self):
        return self._epoch("demoted")

    def _epoch(self, name):
        text = recipe.read_text(self.file(name))
        return recipe.epoch_of(text) if text else None

    def record(self, name, epoch):
        recipe.durable_write(self.file(name), recipe.epoch_text(epoch) + "\n")

    @property
    def exists(self):
        return os.path.exists(os.path.join(self.data, "PG_VERSION"))

    @property
    def signal_file(self):
        return os.path.join(self.data, "standby.signal")

    @property
    def is_standby(self):
        return os.path.exists(self.signal_file)

    # --- Locks -------------------------------------------------------------------------------------
    # They are given to the postmaster and all its children, so that a lock is held as long as anything
    # of the instance lives, whatever became of the one who started it.

    def lock(self, name, shared=False, limit=None):
        """A lock's descriptor; nothing when somebody else has it, and still has it after `limit` s."""
        descriptor = os.open(self.file(f"{name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        how = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        end = time.monotonic() + (limit or 0)
        while True:
            try:
                fcntl.flock(descriptor, how | fcntl.LOCK_NB)
                return descriptor
            except BlockingIOError:
                if time.monotonic() >= end:
                    os.close(descriptor)
                    return None
                time.sleep(0.05)

    def is_locked(self, name):
        descriptor = self.lock(name, shared=True)
        if descriptor is None:
            return True
        os.close(descriptor)
        return False

    # --- The program -------------------------------------------------------------------------------

    def argv(self, role):
        """The postmaster's arguments. Only a primary that was started by its service takes writes and
        clients: the files in the data folder say `read only` and `reject`, in case somebody starts it
        by hand."""
        settings = {
            **SETTINGS,
            **self.further,
            "listen_addresses": self.listen,
            "port": str(self.port),
            "unix_socket_directories": self.socket,
            "hba_file": self.hba[role],
            "default_transaction_read_only": "off" if role == "primary" else "on",
            "cluster_name": f"{self.site}-{role}",
            "primary_conninfo": self.conninfo(),
        }
        if self.config_file:
            settings["config_file"] = self.config_file
        argv = [os.path.join(self.programs, "postgres"), "-D", self.data]
        for name, value in settings.items():
            argv += ["-c", f"{name}={value}"]
        return argv

    def conninfo(self, database=None):
        parts = {
            "host": self.peer_host,
            "port": self.peer_port,
            "user": self.replicator,
            "passfile": self.passfile,
            "application_name": f"muster_{self.site}",
            "connect_timeout": "5",
            "keepalives_idle": "5",
            "keepalives_interval": "2",
            "keepalives_count": "3",
        }
        if database:
            parts["dbname"] = database
        quoted = {key: value.replace("\\", "\\\\").replace("'", "\\'") for key, value in parts.items()}
        return " ".join(f"{key}='{value}'" for key, value in quoted.items())

    def start(self, role, *locks):
        os.makedirs(self.socket, mode=0o755, exist_ok=True)
        for lock in locks:
            os.set_inheritable(lock, True)
        return subprocess.Popen(
            self.argv(role), stdin=subprocess.DEVNULL, pass_fds=locks, cwd=self.data
        )

    def stop(self, child, limit=60):
        """Fast: sessions end, and everything is sent to the standby before it is down."""
        if child.poll() is None:
            child.send_signal(signal.SIGINT)
        try:
            child.wait(limit)
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGQUIT)
            child.wait()

    def ready(self, child, what):
        """Waits until it answers; a big instance may recover for minutes."""

        def answers():
            if child.poll() is not None:
                raise recipe.Problem(f"postgres ended with {child.returncode} while {what}")
            return self.try_ask("SELECT 1") == "1"

        recipe.wait_until(answers, self.start_limit, what)

    def control(self):
        text = recipe.run([self.program("pg_controldata"), self.data], environment={"LC_ALL": "C"})
        pairs = (line.partition(":") for line in text.splitlines())
        return {key.strip(): value.strip() for key, _, value in pairs}

    def program(self, name):
        return os.path.join(self.programs, name)

    # --- Questions ---------------------------------------------------------------------------------

    def ask(self, sql, timeout=10, environment=None, **variables):
        """Asks this instance. Values go in as variables of psql, which quotes them: `:'name'`."""
        return self._psql(
            f"host='{self.socket}' port={self.port} dbname=postgres connect_timeout=5",
            sql, timeout, environment, variables,
        )

    def try_ask(self, sql, timeout=10):
        try:
            return self.ask(sql, timeout)
        except recipe.Problem:
            return None

    def ask_peer(self, sql, replication=False, timeout=10):
        conninfo = self.conninfo("postgres") + (" replication=true" if replication else "")
        return self._psql(conninfo, sql, timeout, None, {})

    def _psql(self, conninfo, sql, timeout, environment, variables):
        argv = [self.program("psql"), "-XqAtw", "-F", "|", "-v", "ON_ERROR_STOP=1", "-d", conninfo]
        for name, value in variables.items():
            argv += ["-v", f"{name}={value}"]
        settings = {"PGCONNECT_TIMEOUT": "5", "PGAPPNAME": "muster", **(environment or {})}
        return recipe.run(argv, sql + ";\n", timeout, settings).strip()

    def in_recovery(self):
        answer = self.try_ask("SELECT pg_is_in_recovery()")
        return None if answer is None else answer == "t"

    def divergence(self):
        """How many bytes it has beyond the point where the peer's history left its own; 0 when it can
        follow the peer; nothing when nobody can say."""
        try:
            system, timeline, position, _ = self.ask_peer("IDENTIFY_SYSTEM", True).split("|")
            history = [(int(timeline), position)]
            if int(timeline) > 1:
                text = self.ask_peer(f"TIMELINE_HISTORY {int(timeline)}", True)
                history += re.findall(r"(?m)(?:^|\|)([0-9]+)\s+([0-9A-F]+/[0-9A-F]+)\s", text)
            control = self.control()
        except recipe.Problem:
            return None
        if system != control["Database system identifier"]:
            raise recipe.Problem("the peer is another database system; set the standby up anew")
        own, end = self._end(control)
        for line, switch in history:
            if int(line) == own:
                return 0 if int(line) == int(timeline) else max(0, end - number(switch))
        return max(1, end)

    def _end(self, control):
        """Timeline and position of the last of its WAL, running or not."""
        timeline = int(control["Latest checkpoint's TimeLineID"])
        ends = [number(control["Latest checkpoint location"])]
        if control["Database cluster state"].startswith(("in archive", "shut down in rec")):
            ends.append(number(control["Minimum recovery ending location"]))
            timeline = max(timeline, int(control["Min recovery ending loc's timeline"]))
        # The control file of a standby lags behind; what it follows it has files of.
        for name in os.listdir(os.path.join(self.data, "pg_wal")):
            if re.fullmatch(r"[0-9A-F]{24}", name):
                timeline = max(timeline, int(name[:8], 16))
        replayed = self.try_ask("SELECT coalesce(pg_last_wal_replay_lsn(), '0/0')", 3)
        if replayed:
            ends.append(number(replayed))
        return timeline, max(ends)


def number(position):
    high, _, low = position.partition("/")
    return (int(high, 16) << 32) + int(low, 16)
