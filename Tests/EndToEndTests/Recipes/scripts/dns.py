"""A name follows the active site in a zone of BIND, and no older epoch can point it back.

  dns.py FOLDER PROGRAMS PROJECT
"""

import os
import socket
import threading

from harness import *


class Between:
    """Passes DNS messages on; before the first update that comes it lets somebody else act."""

    def __init__(self, target, act):
        self.target, self.act, self.came = target, act, False
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.work, daemon=True).start()

    def work(self):
        while True:
            message, client = self.socket.recvfrom(65536)
            if (message[2] >> 3) & 15 == 5 and not self.came:
                self.came = True
                self.act()
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
                server.settimeout(5)
                server.sendto(message, ("127.0.0.1", self.target))
                self.socket.sendto(server.recv(65536), client)


def main():
    needs(bind9="/usr/sbin/named", bind9_dnsutils="/usr/bin/nsupdate", bind9_utils="/usr/sbin/tsig-keygen")
    install()
    number = port()
    os.makedirs(f"{FOLDER}/zones")
    write(f"{FOLDER}/muster.key", run(["/usr/sbin/tsig-keygen", "muster"]), 0o600)
    write(f"{FOLDER}/other.key", run(["/usr/sbin/tsig-keygen", "other"]), 0o600)
    write(
        f"{FOLDER}/zones/example.org.zone",
        "$TTL 60\n@ SOA ns hostmaster 1 60 60 600 60\n@ NS ns\nns A 127.0.0.1\napp A 192.0.2.10\n",
    )
    write(
        f"{FOLDER}/named.conf",
        f'options {{ directory "{FOLDER}/zones"; pid-file "{FOLDER}/named.pid"; recursion no;\n'
        f'listen-on port {number} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};\n'
        f'session-keyfile "{FOLDER}/session.key"; }};\ncontrols {{ }};\ninclude "{FOLDER}/other.key";\n'
        + shipped("dns/named.conf", {
            "/etc/bind/muster.key": f"{FOLDER}/muster.key", "/var/lib/bind": f"{FOLDER}/zones",
        }),
    )
    settings = shipped("dns/dns.conf", {
        "^port = .*": f"port = {number}", "/etc/muster/recipes/dns.key": f"{FOLDER}/muster.key",
    })
    write(f"{FOLDER}/dns.conf", settings)
    write(f"{FOLDER}/stranger.conf", settings.replace("muster.key", "other.key"))
    server = start(["/usr/sbin/named", "-g", "-c", f"{FOLDER}/named.conf"], "named")

    def dns(command, epoch, to="north", status=0, config="dns.conf"):
        return run(
            [f"{RECIPES}/dns/muster-dns", "--config", f"{FOLDER}/{config}", command], status,
            MUSTER_EPOCH=epoch, MUSTER_TO=to,
        )

    await_("the server answers", lambda: "192.0.2.10" in dns("show", "1.1", status=None))
    dns("is-there", "1.1", status=1)
    dns("redirect", "1.1")
    dns("is-there", "1.1")
    expect("198.51.100.10 2001:db8::10 under 1.2" in dns("redirect", "1.2", "south"), "the name has moved")
    dns("redirect", "1.2", "south")
    dns("is-there", "1.2", "south")
    dns("is-there", "1.2", "north", status=1)
    dns("redirect", "1.1", "north", status=3)
    dns("redirect", "0.7", "north", status=3)
    dns("redirect", "1.3", "north", status=1, config="stranger.conf")
    expect("198.51.100.10" in dns("show", "1.2"), "neither an old epoch, nor a drill, nor another key moves it")
    dig = run(["/usr/bin/dig", "@127.0.0.1", "-p", str(number), "+noall", "+answer", "app.example.org", "A"])
    expect(dig.split()[1] == "30", "its time to live is the configured one")

    # A change that was prepared under what the zone was, and comes late: the server refuses it.
    late = run(
        ["/usr/bin/nsupdate", "-k", f"{FOLDER}/muster.key"], status=2,
        input=f'server 127.0.0.1 {number}\nzone example.org\nprereq yxrrset _muster-epoch.app.example.org IN TXT "1.1"\n'
              "update delete app.example.org A\nupdate add app.example.org 30 A 192.0.2.10\nsend\n",
    )
    expect("NXRRSET" in late, "an update prepared under 1.1 is refused by the server under 1.2")

    # Many at once: whatever their order, the latest epoch wins, with its own addresses.
    racers = [
        threading.Thread(target=dns, args=("redirect", f"1.{epoch}", "south" if epoch % 2 else "north", None))
        for epoch in range(3, 13)
    ]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    expect("192.0.2.10 under 1.12" in dns("show", "1.12"), "of ten that race the latest epoch stands")

    # A later run comes between this one's question and its update: the server refuses the update, and
    # the older epoch gives up.
    between = Between(number, lambda: dns("redirect", "1.21", "south"))
    write(f"{FOLDER}/between.conf", settings.replace(f"port = {number}", f"port = {between.port}"))
    dns("redirect", "1.20", "north", status=3, config="between.conf")
    expect(between.came and "198.51.100.10" in dns("show", "1.21"), "who is overtaken in the middle gives up")
    dns("redirect", "1.22", "north")

    server.kill()
    server.wait()
    dns("is-there", "1.22", status=2)
    start(["/usr/sbin/named", "-g", "-c", f"{FOLDER}/named.conf"], "named")
    await_("it still stands after the server was killed", lambda: "192.0.2.10" in dns("is-there", "1.22", status=None))


ended(main)
