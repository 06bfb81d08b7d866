"""Two sites with PostgreSQL behind HAProxy, an application that writes without stopping, and every way
the primary can move: switchover, failback, loss of a site, return of a zombie, rebuild, failback.

  postgresql.py FOLDER PROGRAMS PROJECT
"""

import json
import os
import re
import signal
import subprocess
import threading
import time

from harness import *
from wire import Wire

BIN = "/usr/lib/postgresql/15/bin"
SITES = {"north": "n-1", "south": "s-1"}
PASSWORD = "an-application"


class Application:
    """Writes numbered rows through the balancer, one after the other. A row is acknowledged when its
    commit was answered and its number is on the disk; a row whose answer was lost is written again."""

    def __init__(self, address):
        self.address = address
        self.acknowledged = {}
        self.ledger = open(f"{FOLDER}/acknowledged", "a")
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()

    def work(self):
        number, session = 1, None
        while not self.stopped.is_set():
            if session is None:
                session = subprocess.Popen(
                    [
                        f"{BIN}/psql", "-XqAtw", "-v", "ON_ERROR_STOP=1", "-d",
                        f"host=127.0.0.1 port={self.address} user=app dbname=app connect_timeout=3",
                    ],
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                    env={**CLEAN, "PGPASSWORD": PASSWORD},
                )
            answer = ""
            try:
                session.stdin.write(
                    f"INSERT INTO rows (n) VALUES ({number}) ON CONFLICT DO NOTHING; SELECT {number};\n"
                )
                session.stdin.flush()
                answer = session.stdout.readline()
            except OSError:
                pass
            if answer.strip() == str(number):
                self.ledger.write(f"{number}\n")
                self.ledger.flush()
                os.fsync(self.ledger.fileno())
                self.acknowledged[number] = time.time()
                number += 1
                self.stopped.wait(0.01)
            else:
                session.kill()
                session.wait()
                session = None
                self.stopped.wait(0.05)
        if session:
            session.kill()
            session.wait()

    def goes_on(self):
        """A row that was begun after now is acknowledged."""
        after = max(self.acknowledged, default=0) + 1
        await_(f"row {after + 1} is acknowledged", lambda: after + 1 in self.acknowledged)

    def stop(self):
        self.stopped.set()
        self.thread.join(30)


class Canaries:
    """When each of Muster's canaries was written, by the database's own clock: looked at, not written."""

    def __init__(self, sites):
        self.written = {}
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.work, args=(sites,), daemon=True)
        self.thread.start()

    def work(self, sites):
        while not self.stopped.wait(0.2):
            seen = sites.sql(
                "north", "SELECT token, extract(epoch FROM written) FROM muster_canary", None, "postgres")
            if match := re.fullmatch(r"(1\.3\.[0-9]+)\|([0-9.]+)", seen):
                self.written[match[1]] = float(match[2])

    def stop(self):
        self.stopped.set()
        self.thread.join(30)


class Sites:
    def __init__(self):
        self.ports = {site: port() for site in SITES}
        self.agents = {site: port() for site in SITES}
        # What a site reaches the other by: a line with a delay.
        self.lines = {site: Wire(port(), self.ports[site]) for site in SITES}
        self.clients = port()
        self.balancer = None
        self.balancer_conf = f"{FOLDER}/haproxy/haproxy.conf"
        hooks = shipped("haproxy/controller.yaml", {"/etc/muster/recipes": f"{FOLDER}/haproxy"})
        os.makedirs(f"{FOLDER}/haproxy")
        self.cluster = Cluster(hooks)

    def postgresql(self, site, *words, status=0, **variables):
        program = f"{RECIPES}/postgresql/muster-postgresql"
        return run(
            [program, "--config", f"{FOLDER}/{SITES[site]}/recipes/postgresql.conf", *words],
            status, user="postgres", **variables,
        )

    def database(self, site):
        """A folder of a site's database, which nothing of the agent lies in."""
        return f"{FOLDER}/{SITES[site]}/database"

    def sql(self, site, text, status=0, database="app"):
        return run(
            [f"{BIN}/psql", "-XqAt", "-h", f"{self.database(site)}/run", "-p", str(self.ports[site]), database],
            status, input=text, user="postgres",
        ).strip()

    def make(self, site):
        name, other = SITES[site], "south" if site == "north" else "north"
        home = f"{FOLDER}/{name}"
        places = {"/etc/muster/recipes": f"{home}/recipes"}
        files = {
            "recipes/postgresql.conf": shipped("postgresql/agent/postgresql.conf", {
                "^site = .*": f"site = {site}",
                "/var/lib/postgresql/15/muster": f"{self.database(site)}/data",
                "/var/lib/muster-postgresql": f"{self.database(site)}/state",
                "/run/muster-postgresql": f"{self.database(site)}/run",
                "^port = .*": f"port = {self.ports[site]}",
                "^peer = .*": f"peer = 127.0.0.1:{self.lines[other].port}",
                "shared_buffers = 128MB": "shared_buffers = 16MB",
                **places,
            }),
            "recipes/haproxy-agent.conf": shipped(
                "haproxy/agent/haproxy-agent.conf", {"5442": str(self.agents[site]), **places}
            ),
            "services.d/haproxy-agent.conf": shipped("haproxy/agent/services.d/haproxy-agent.conf", places),
        }
        for kind in ("primary", "standby"):
            files[f"recipes/pg_hba.{kind}.conf"] = read(f"{RECIPES}/postgresql/agent/pg_hba.{kind}.conf")
        for folder in ("services.d", "handlers.d", "data.d"):
            for file in os.listdir(f"{RECIPES}/postgresql/agent/{folder}"):
                files[f"{folder}/{file}"] = shipped(f"postgresql/agent/{folder}/{file}", places)
        self.cluster.node(name, site, files)
        os.makedirs(f"{self.database(site)}/state")
        run(["/bin/chown", "-R", "postgres", self.database(site)])
        os.chmod(home, 0o711)

    def start_balancer(self):
        if self.balancer is None:
            config = shipped("haproxy/haproxy.cfg", {
                "/run/haproxy": f"{FOLDER}/haproxy", "/var/lib/haproxy": f"{FOLDER}/haproxy",
                ":5400": f":{self.clients}",
                ":5432 agent-port 5442": f":{self.ports['north']} agent-port {self.agents['north']}",
                ":5433 agent-port 5443": f":{self.ports['south']} agent-port {self.agents['south']}",
            })
            write(f"{FOLDER}/haproxy/haproxy.cfg", config)
            write(self.balancer_conf, shipped("haproxy/haproxy.conf", {
                "/run/haproxy": f"{FOLDER}/haproxy", "/var/lib/haproxy": f"{FOLDER}/haproxy",
                "/var/lib/muster-haproxy": f"{FOLDER}/haproxy/state", "^grace = .*": "grace = 1",
            }))
        else:
            self.balancer.kill()
            self.balancer.wait()
        self.balancer = start(
            ["/usr/sbin/haproxy", "-db", "-f", f"{FOLDER}/haproxy/haproxy.cfg"], "haproxy"
        )
        await_("haproxy answers", lambda: "sessions" in self.haproxy("show", status=None))

    def haproxy(self, command, status=0, **variables):
        return run(
            [f"{RECIPES}/haproxy/muster-haproxy", "--config", self.balancer_conf, command], status, **variables
        )

    def gets(self, site):
        """Whether the balancer has a site's server `open` or `shut`."""
        return re.search(rf"(?m)^{site}  database/{site}  (\S+)", self.haproxy("show"))[1]

    def rows(self, site):
        return set(map(int, self.sql(site, "SELECT n FROM rows").split()))


def lost(sites, site, application):
    """Acknowledged rows that a site does not have."""
    acknowledged = set(application.acknowledged)
    return acknowledged - sites.rows(site)


def main():
    needs(
        postgresql_15=f"{BIN}/postgres", haproxy="/usr/sbin/haproxy", postgresql_client_15=f"{BIN}/psql"
    )
    install()
    sites = Sites()
    cluster = sites.cluster
    for site in SITES:
        sites.make(site)
        cluster.muster("site", "set-form", site, "warm")
    sites.postgresql("north", "setup-primary", "--epoch", "1.1")
    cluster.start("n-1")
    cluster.online("n-1")
    sites.sql("north", f"CREATE DATABASE app; CREATE ROLE app LOGIN PASSWORD '{PASSWORD}'", database="postgres")
    sites.sql("north", "CREATE TABLE rows (n bigint PRIMARY KEY); GRANT ALL ON rows TO app")
    run(["/usr/bin/install", "-o", "postgres", "-m", "600", f"{sites.database('north')}/state/pgpass",
         f"{sites.database('south')}/state/pgpass"])
    sites.postgresql("south", "setup-standby")
    cluster.start("s-1")
    cluster.online("s-1")
    cluster.muster("node", "pair", "s-1", "n-1")
    for plan in ("plan", "failover"):
        cluster.muster("plan", "set", f"{RECIPES}/postgresql-haproxy/{plan}.yaml", "--reason", "a test")
    sites.start_balancer()
    sites.haproxy("redirect", MUSTER_EPOCH="1.1", MUSTER_TO="north")
    cluster.muster("config", "set", "data.database.rpo", "60s", "--reason", "a test")
    application = Application(sites.clients)
    application.goes_on()
    await_("south is ready", lambda: "may take over" in cluster.muster("site", "readiness", "south", status=None))

    # Planned, there and back: nothing that was acknowledged is lost.
    for words, site, other, epoch in (
        (("switchover", "--to", "south"), "south", "north", "1.2"),
        (("failback",), "north", "south", "1.3"),
    ):
        cluster.move(*words)
        application.goes_on()
        expect(sites.sql(site, "SELECT epoch FROM muster_epoch", database="postgres") == epoch,
               f"{site} is the primary under {epoch}")
        gone = lost(sites, site, application)
        expect(not gone, f"none of {len(application.acknowledged)} acknowledged rows is lost, {len(gone)} are")
        await_(f"{other} follows", lambda: "a standby at" in sites.postgresql(other, "is-standby", status=None))
        # A restarted balancer sends nobody to the old site.
        sites.start_balancer()
        expect(sites.gets(other) == "shut" and sites.gets(site) == "open", f"{other} is shut after a restart")
        application.goes_on()
    await_("the site is ready again",
           lambda: "may take over" in cluster.muster("site", "readiness", "south", status=None))

    # A replication that stands still is seen by the probe, which asks the primary itself.
    receiver = int(sites.sql("south", "SELECT pid FROM pg_stat_wal_receiver", database="postgres"))
    os.kill(receiver, signal.SIGSTOP)
    application.goes_on()
    await_("the probe sees that the standby is behind", lambda: re.search(
        "(?m)^lag-bytes=[1-9]", sites.postgresql("south", "lag")))
    os.kill(receiver, signal.SIGCONT)
    await_("and that it has caught up", lambda: re.search(
        r"(?m)^lag-seconds=0(\.[0-9])?$", sites.postgresql("south", "lag")))

    # The primary's site is lost in the middle of writes, with a replication that is 1.5 s late.
    sites.lines["north"].delay = 1.5
    canaries = Canaries(sites)
    def is_behind():
        """South has a canary of this run, and north a later one that is still on its way."""
        seen = sites.postgresql("south", "canary-read", status=None).strip()
        return seen in canaries.written and seen != list(canaries.written)[-1]
    await_("a canary crosses the slow line, and the next one is on it", is_behind)
    power_cut(f"{FOLDER}/n-1")
    killed = time.time()
    sites.lines["north"].cut()
    canaries.stop()
    acknowledged = dict(application.acknowledged)
    report = cluster.move("failover", "--to", "south")
    expect("waited" in report, "north was proven off by the end of its lease")
    application.goes_on()
    record = json.loads(cluster.muster("run", "report", "3", "--format", "json"))
    found = next(entry for entry in record["data"] if entry["dataSet"] == "database")
    since = canaries.written[found["canary"]]
    gone = sorted(set(acknowledged) - sites.rows("south"))
    rpo = found["rpoMilliseconds"] / 1000
    say(f"last canary {found['canary']}, written {killed - since:.2f} s before the end; "
        f"lost canaries {found.get('lost')}; RPO by Muster's report {rpo:.2f} s")
    say(f"lost: {len(gone)} acknowledged rows, {gone[0] if gone else '-'} to {gone[-1] if gone else '-'}")
    expect(gone, "a slow replication loses rows: the test would notice if it did")
    early = [row for row in gone if acknowledged[row] < since]
    expect(not early, f"every lost row was acknowledged after the last canary was issued, but {early}")
    expect(all(killed - acknowledged[row] <= rpo for row in gone), "none is older than the measured RPO says")
    expect(gone == list(range(gone[0], gone[-1] + 1)), "what is lost is the end, without gaps")

    # The old primary comes back, started by hand: it takes no client.
    data = f"{sites.database('north')}/data"
    run([f"{BIN}/pg_ctl", "-D", data, "-w", "-o", f"-p {sites.ports['north']} -k {sites.database('north')}/run",
         "-l", f"{sites.database('north')}/by-hand", "start"], user="postgres")
    refused = run(
        [f"{BIN}/psql", "-XqAtw", "-c", "INSERT INTO rows VALUES (0)", "-d",
         f"host=127.0.0.1 port={sites.ports['north']} user=app dbname=app"], status=2, PGPASSWORD=PASSWORD)
    expect("rejects" in refused, "an old primary that is started by hand rejects its clients")
    held = set(gone) & sites.rows("north")
    expect(held == set(gone), "it has every row that was lost, and can say which")
    run([f"{BIN}/pg_ctl", "-D", data, "-w", "-m", "fast", "stop"], user="postgres")

    # One that believes to be the primary still, because nobody has told it: it gets no traffic, also
    # from a balancer that was started again; and once it is told, it ends and starts no more.
    zombie = start(
        [f"{RECIPES}/postgresql/muster-postgresql", "--config", f"{FOLDER}/n-1/recipes/postgresql.conf", "primary"],
        "zombie", user="postgres", MUSTER_TOKEN="0001.00000003.00000001", MUSTER_SITE="north")
    agent = start(
        [f"{RECIPES}/haproxy/muster-haproxy", "--config", f"{FOLDER}/n-1/recipes/haproxy-agent.conf", "agent"],
        "zombie-agent", user="postgres")
    await_("the zombie takes writes", lambda: "primary under 1.3" in sites.postgresql(
        "north", "is-primary", status=None))
    sites.start_balancer()
    application.goes_on()
    expect(sites.gets("north") == "shut", "the balancer sends nobody to the zombie")
    expect(sites.rows("north") <= set(range(0, max(acknowledged) + 2)), "no new row has reached the zombie")
    sites.haproxy("redirect", status=3, MUSTER_EPOCH="1.3", MUSTER_TO="north")
    sites.postgresql("north", "promote", status=3, MUSTER_EPOCH="1.4", MUSTER_TO="south")
    sites.postgresql("north", "fence", MUSTER_EPOCH="1.4", MUSTER_FROM="north")
    zombie.wait(30)
    sites.postgresql("north", "primary", status=3, MUSTER_TOKEN="0001.00000003.00000002")
    say("ok: the zombie has ended, and its token is refused")
    agent.kill()
    agent.wait()
    power_cut(f"{FOLDER}/n-1")

    # Its node comes back, hears that it is a standby, and is no primary. Then it is rebuilt.
    cluster.start("n-1")
    diverged = await_("the old primary says how far it has diverged", lambda: [
        line for line in sites.postgresql("north", "divergence", status=None).split()
        if line.startswith("diverged-bytes=") and not line.endswith("=0")])
    say(diverged[0])
    await_("its site may not take over, because of the service", lambda: re.search(
        "blocking +services +service postgresql-standby of warm standby node n-1",
        cluster.muster("site", "readiness", "north", status=None)))
    await_("Muster knows that its data have diverged", lambda: re.search(
        "database +north .*diverged", cluster.muster("replication", "list", status=None)))
    sites.postgresql("north", "rebuild", status=3)
    sites.lines["south"].delay = 0
    rebuilt = sites.postgresql("north", "rebuild", "--confirm", "north")
    expect("rewound" in rebuilt, "pg_rewind made the old primary a standby")
    cluster.muster("service", "start", "postgresql-standby", "--node", "n-1", "--reason", "rebuilt", status=None)
    await_("north follows", lambda: "a standby at" in sites.postgresql("north", "is-standby", status=None))
    expect(not set(gone) & sites.rows("north"), "what was lost is not there any more")
    cluster.online("n-1")
    refused = cluster.muster("failback", "--yes", "--reason", "a test", status=3)
    loss = re.search("--accept-divergence ([0-9]+)", refused)
    expect(loss, "the way home asks by number whether the loss is accepted")
    cluster.move("failback", "--accept-divergence", loss[1])
    application.goes_on()
    application.stop()
    missing = lost(sites, "north", application) - set(gone)
    expect(not missing, f"of {len(application.acknowledged)} rows all but the lost ones are there: {missing}")
    twice = sites.sql("north", "SELECT count(*) - count(DISTINCT n) FROM rows")
    expect(twice == "0", "no row is there twice")

    # Only the agent is killed. Its leash stops the primary when the lease ends, with a backend that is
    # busy and asks nobody.
    busy = start(
        [f"{BIN}/psql", "-X", "-h", f"{sites.database('north')}/run", "-p", str(sites.ports["north"]), "-c",
         "DO $$ BEGIN LOOP NULL; END LOOP; END $$", "postgres"], "busy", user="postgres")
    await_("a backend is busy", lambda: sites.sql(
        "north", "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'DO %' AND state = 'active'") == "1")
    expect(processes(data), "the primary's processes are there")
    for agent in processes(f"{FOLDER}/n-1/agent.conf"):
        os.kill(agent, signal.SIGKILL)
    await_("without its agent nothing of the primary is left after its lease", lambda: not processes(data), 30)
    busy.wait(30)


ended(main)
