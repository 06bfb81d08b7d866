"""HAProxy lets clients through to one site only: after drains, restarts, lost state and old epochs.

  haproxy.py FOLDER PROGRAMS PROJECT
"""

import os
import socket
import threading
import time

from harness import *

SITES = ("north", "south")


class Server:
    """A server of a site: says its site's name to who connects, and keeps the connection."""

    def __init__(self, site):
        self.site, self.port = site, port()
        self.server = socket.create_server(("127.0.0.1", self.port), backlog=64)
        threading.Thread(target=self.work, daemon=True).start()

    def work(self):
        while True:
            connection, _ = self.server.accept()
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with connection:
            try:
                connection.sendall(self.site.encode())
                connection.recv(1)
            except OSError:
                pass


def main():
    needs(haproxy="/usr/sbin/haproxy")
    install()
    servers = {site: Server(site) for site in SITES}
    agents = {site: port() for site in SITES}
    clients = port()
    home = f"{FOLDER}/haproxy"
    os.makedirs(home)
    for site in SITES:
        # The check of a node, as simple as can be: the site's server is good while this file is there.
        write(f"{FOLDER}/{site}/good", "")
        write(f"{FOLDER}/{site}.conf", shipped("haproxy/agent/haproxy-agent.conf", {
            "5442": str(agents[site]), "^check = .*": f"check = /usr/bin/test -e {FOLDER}/{site}/good",
            "^interval = .*": "interval = 0.1",
        }))
        start([f"{RECIPES}/haproxy/muster-haproxy", "--config", f"{FOLDER}/{site}.conf", "agent"], f"agent-{site}")
    write(f"{home}/haproxy.cfg", shipped("haproxy/haproxy.cfg", {
        "/run/haproxy": home, "/var/lib/haproxy": home, ":5400": f":{clients}",
        ":5432 agent-port 5442": f":{servers['north'].port} agent-port {agents['north']}",
        ":5433 agent-port 5443": f":{servers['south'].port} agent-port {agents['south']}",
    }))
    write(f"{home}/haproxy.conf", shipped("haproxy/haproxy.conf", {
        "/run/haproxy": home, "/var/lib/haproxy": home, "/var/lib/muster-haproxy": f"{home}/state",
        "^grace = .*": "grace = 4", "^progress = .*": "progress = 1",
    }))

    def haproxy(command, status=0, epoch="1.1", to="north", site="north", **further):
        return run(
            [f"{RECIPES}/haproxy/muster-haproxy", "--config", f"{home}/haproxy.conf", command], status,
            MUSTER_EPOCH=epoch, MUSTER_TO=to, MUSTER_FROM=site, **further)

    running = []

    def begin():
        for old in running:
            old.kill()
            old.wait()
        running[:] = [start(["/usr/sbin/haproxy", "-db", "-f", f"{home}/haproxy.cfg"], "haproxy")]
        await_("haproxy answers", lambda: "sessions" in haproxy("show", status=None))

    def connect():
        """A connection and the site that answers on it."""
        connection = socket.create_connection(("127.0.0.1", clients), 5)
        connection.settimeout(5)
        try:
            return connection, connection.recv(100).decode()
        except OSError:
            return connection, ""

    def reached(count=12):
        found = set()
        for _ in range(count):
            connection, site = connect()
            connection.close()
            found.add(site)
        return found

    begin()
    expect(reached() == {""}, "before anybody has said where to, nobody is let through")
    haproxy("redirect")
    await_("clients reach north", lambda: reached() == {"north"})
    haproxy("is-there")
    haproxy("is-there", status=1, to="south")

    # A drain: a session that ends by itself is waited for, and nobody new comes in.
    session, _ = connect()
    timer = threading.Timer(1.5, session.close)
    timer.start()
    said = haproxy("drain")
    expect("1 sessions of north have not ended" in said, "a drain tells what it waits for")
    expect("every session of north has ended" in said, "and that it has ended")
    expect(reached() == {""}, "nobody is let through now")
    begin()
    expect(reached() == {""}, "nor after a restart")
    haproxy("restore")
    await_("after an undo clients reach north again", lambda: reached() == {"north"})
    session, _ = connect()
    expect("1 sessions of north were cut" in haproxy("drain"), "a session that does not end is cut")
    expect(session.recv(100) == b"", "and its client notices")
    haproxy("restore")
    await_("clients reach north", lambda: reached() == {"north"})
    session, _ = connect()
    took = time.monotonic()
    haproxy("drain", MUSTER_KIND="failover")
    expect(time.monotonic() - took < 4, "in a failover nobody waits for sessions")

    haproxy("redirect", epoch="1.2", to="south")
    await_("clients reach south", lambda: reached() == {"south"})
    for _ in range(2):
        begin()
        await_("clients reach south after haproxy was killed and started", lambda: "south" in reached())
        expect(reached() == {"south"}, "and nobody reaches north")
    haproxy("redirect", status=3)
    haproxy("drain", status=3, site="south")
    haproxy("redirect", status=64, epoch="1.3", to="east")
    expect(reached() == {"south"}, "neither an older epoch nor an unknown site changes that")

    # The state file is lost: nobody is let through, and `apply` knows what was said last.
    os.unlink(f"{home}/muster-servers")
    begin()
    expect(reached() == {""}, "without its state file haproxy lets nobody through")
    haproxy("apply")
    await_("apply sends clients to south", lambda: reached() == {"south"})

    # A server that is not good (not the primary any more) gets nothing, and loses what it has.
    session, _ = connect()
    os.unlink(f"{FOLDER}/south/good")
    await_("what is not good gets nobody", lambda: reached() == {""})
    expect(session.recv(100) == b"", "and loses its sessions")
    haproxy("is-there", status=1, epoch="1.2", to="south")
    write(f"{FOLDER}/south/good", "")
    await_("what is good again gets clients again", lambda: reached() == {"south"})

    # Many at once: the latest epoch stands.
    racers = [
        threading.Thread(target=haproxy, args=("redirect", None, f"1.{epoch}", SITES[epoch % 2]))
        for epoch in range(4, 11)
    ]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    await_("of seven that race the latest epoch stands", lambda: reached() == {SITES[10 % 2]})
    begin()
    await_("also after a restart", lambda: reached() == {SITES[10 % 2]})


ended(main)
