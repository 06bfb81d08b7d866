#!/usr/bin/env python3
"""A small agent of Muster in another language, written from docs/PROTOCOL.md alone.

    agent.py join --token TOKEN --state DIR [--name NAME] [--controller HOST:PORT]
    agent.py run --state DIR --controller HOST:PORT [--beats N] [--self-fenced] [--renew]
    agent.py --selftest

It reports the real load of this machine and one pretended service, `demo`. Every line it sends is
printed after `>`, every line it receives after `<`. Standard library only, and the program
`openssl` for keys and requests. `lines.py` is the grammar, `durable.py` the state, `measure.py`
the load. It exits with 0, or 3 when it was refused, or 1.
"""
import argparse
import base64
import json
import os
import pathlib
import platform
import random
import re
import socket
import sys
import time

sys.dont_write_bytecode = True  # Nothing is left beside the sources.
from durable import make_key, make_request, pem, pin_of, save  # noqa: E402
from lines import BadLine, Connection, Lost, Refused, clean, parse, write  # noqa: E402
from measure import Sampler, boot_clock, read_text, wall  # noqa: E402

SOFTWARE = "agent.py 1"
FACT_MAX = 250
TOKEN = re.compile(r"[0-9a-f]{4}\.[0-9a-f]{8}\.[0-9a-f]{8}(\.[0-9a-f]{16}\.[0-9a-f]{4})?")
NO_TOKEN = "0000.00000000.00000000"


# --- Joining


def read_token(text):
    parts = text.strip().split(".")
    if len(parts) != 5 or parts[0] != "mjt1" or len(parts[2]) != 43 or len(parts[3]) != 52:
        sys.exit("This is no join token of a node: copy it again, or make a new one.")
    padded = parts[4] + "=" * (-len(parts[4]) % 4)
    return parts[3], base64.urlsafe_b64decode(padded).decode().split(",")


def authority(connection):
    connection.send("HELLO", ("version", 1), ("speaker", "stranger"), ("software", SOFTWARE))
    fields = connection.expect("AUTHORITY")
    return base64.b64decode(fields["certificate"], validate=True), fields["cluster"]


def first_contact(addresses):
    """A connection to the first address that answers, verified by nothing yet."""
    for address in addresses:
        try:
            return Connection(address), address
        except OSError as error:
            print(f"{address}: {error}", file=sys.stderr)
    sys.exit("No controller of the token answers.")


def join(options):
    pin, addresses = read_token(options.token)
    state = pathlib.Path(options.state)
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    first, address = first_contact([options.controller] if options.controller else addresses)
    root, cluster = authority(first)
    first.close()
    if pin_of(root) != pin:
        sys.exit("This is not the controller that made the token, or someone stands between.")

    connection = Connection(address, root, cluster)
    if authority(connection) != (root, cluster):
        sys.exit("The authority has changed between two connections.")
    make_key(state / "node.key")
    connection.send(
        "ENROL", ("token", options.token.strip()), ("csr", make_request(state / "node.key")),
        ("name", options.name),
    )
    enrolled = connection.expect("ENROLLED")
    connection.close()
    save(state / "root.der", root)
    take_certificate(state, enrolled)
    memory = {"node": enrolled["node"], "cluster": enrolled["cluster"], "nonce": "",
              "incarnation": 0, "highest": NO_TOKEN, "wanted": True, "settings": {}}
    save(state / "state.json", json.dumps(memory).encode())
    print(f"joined as {enrolled['name']} of site {enrolled['site']}")


def take_certificate(state, fields):
    chain = [base64.b64decode(fields[key], validate=True) for key in ("certificate", "issuer")]
    save(state / "node.crt", b"".join(pem(der) for der in chain))


# --- Running


class Agent:
    def __init__(self, options):
        self.options = options
        self.state = pathlib.Path(options.state)
        self.memory = json.loads((self.state / "state.json").read_text())
        self.memory["incarnation"] += 1
        self.remember()
        self.sampler = Sampler()
        self.running = self.memory["wanted"]
        self.since = boot_clock()
        self.lease_end = 0
        self.spread = 1.0
        self.failures = self.answered = self.last_order = 0

    def remember(self):
        save(self.state / "state.json", json.dumps(self.memory).encode())

    def see(self, token):
        """False for a token lower than one seen; a higher one is durable before we go on."""
        if not TOKEN.fullmatch(token) or token < self.memory["highest"]:
            return False
        if token > self.memory["highest"]:
            self.memory["highest"] = token
            self.remember()
        return True

    def run(self):
        while True:
            wait = None
            try:
                self.connect()
                self.session()
                return 0
            except Refused as refusal:
                print(f"refused: {refusal}", file=sys.stderr)
                if refusal.code not in ("not-active", "too-fast", "too-slow", "storage", "not-now"):
                    return 3
            except (Lost, BadLine, OSError) as error:
                print(f"no session: {error}", file=sys.stderr)
                wait = getattr(error, "retry", 0) + random.uniform(0, self.spread)
            finally:
                if self.link:
                    self.link.close()
            if not self.proven:
                wait = random.uniform(0, min(60, 2 ** self.failures))
                self.failures = min(self.failures + 1, 6)
            self.sleep(wait or random.uniform(0, self.spread))

    def sleep(self, seconds):
        """The lease ends whether there is a connection or not."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.settle_lease(None)
            time.sleep(min(left, 0.1))

    def connect(self):
        self.proven, self.link = False, None
        self.link = Connection(
            self.options.controller, (self.state / "root.der").read_bytes(),
            self.memory["cluster"], (self.state / "node.crt", self.state / "node.key"),
        )
        highest = self.memory["highest"]
        self.link.send(
            "HELLO", ("version", 1), ("speaker", "agent"), ("software", SOFTWARE),
            ("incarnation", self.memory["incarnation"]), ("nonce", self.memory["nonce"]),
            ("boot", read_text("/proc/sys/kernel/random/boot_id")),
            ("machine", read_text("/etc/machine-id")),
            ("highest", highest if highest != NO_TOKEN else None),
        )
        welcome = self.link.expect("WELCOME")
        if (welcome["node"], welcome["cluster"]) != (self.memory["node"], self.memory["cluster"]):
            raise Lost("the controller takes this node for another")
        if welcome["version"] != "1" or not self.see(welcome["token"]):
            raise Lost("the controller runs from an old copy, or speaks another version")
        self.memory["nonce"] = welcome["nonce"]
        self.remember()
        self.link.send("READY", ("nonce", welcome["nonce"]))
        self.heartbeat = int(welcome["heartbeat"]) / 1000
        self.load_every = int(welcome["load"]) / 1000
        self.spread = int(welcome["spread"]) / 1000

    def tell_service(self, state=None):
        state = state or ("running" if self.running else "stopped")
        self.link.send(
            "SERVICE", ("name", "demo"), ("state", state), ("wanted", self.memory["wanted"]),
            ("required", True), ("self-fenced", self.options.self_fenced),
            ("in-state", max(0, (boot_clock() - self.since) // 1_000_000)),
        )

    def tell_load(self):
        disk = os.statvfs("/")
        self.link.send("LOAD", *self.sampler.fields(disks=1))
        self.link.send(
            "DISK", ("mount", "/"), ("total", disk.f_blocks * disk.f_frsize),
            ("free", disk.f_bavail * disk.f_frsize), ("inodes", disk.f_files),
            ("inodes-free", disk.f_favail),
        )

    def tell_everything(self):
        system = platform.freedesktop_os_release() if read_text("/etc/os-release") else {}
        self.link.send(
            "FACTS", ("os", "linux"),
            ("os-version", clean(system.get("PRETTY_NAME", ""), FACT_MAX)),
            ("kernel", clean(platform.release(), FACT_MAX)), ("arch", platform.machine()),
            ("hostname", clean(socket.gethostname(), FACT_MAX)),
            ("path", clean(os.path.dirname(os.path.abspath(__file__)), FACT_MAX)), ("agent", "1"),
        )
        self.tell_service()
        self.link.send(
            "CHECK", ("service", "demo"), ("name", "alive"), ("kind", "process"),
            ("state", "passing" if self.running else "unknown"), ("took", 0), ("age", 0),
        )
        self.tell_load()
        self.link.send("SYNCED", ("services", 1))

    def session(self):
        self.tell_everything()
        self.sequence, self.sent, self.round_trip, self.settings = 0, {}, None, None
        next_beat = time.monotonic()
        next_load = next_beat + self.load_every
        answer_by = next_beat + 3 * self.heartbeat + 1
        if self.options.renew:
            self.link.send("RENEW", ("csr", make_request(self.state / "node.key")))
        while self.options.beats is None or self.answered < self.options.beats:
            now = time.monotonic()
            self.settle_lease(self.link)
            if now >= next_beat:
                self.beat()
                next_beat = now + self.heartbeat
            if now >= next_load:
                self.tell_load()
                next_load = now + self.load_every
            if now >= answer_by:
                raise Lost("beats are not answered")
            message = self.link.receive(max(0, min(next_beat, next_load) - time.monotonic()))
            if message and self.handle(*message):
                answer_by = time.monotonic() + 3 * self.heartbeat + 1
        self.link.send("BYE", ("reason", "stopping"))

    def beat(self):
        self.sequence += 1
        sent = boot_clock()
        self.sent[str(self.sequence)] = sent
        self.link.send(
            "BEAT", ("seq", self.sequence), ("sent", sent), ("wall", wall()),
            ("health", "healthy" if self.running else "failing"), ("rtt", self.round_trip),
        )

    def handle(self, verb, fields):
        """True when a beat was answered."""
        if verb in ("LEASE", "ALIVE"):
            return self.answer(verb, fields)
        if verb in ("START", "STOP", "RESTART", "PREFLIGHT", "PROBE"):
            self.order(verb, fields)
        elif verb == "ROLE":
            self.see(fields["token"])  # `demo` is not exclusive: it runs on a standby site too.
        elif verb == "CONFIG":
            self.settings = (fields["version"], int(fields["count"]), {})
        elif verb == "SET" and self.settings:
            self.settings[2][fields["key"]] = fields.get("value", "")
        elif verb == "RENEWED":
            take_certificate(self.state, fields)
        elif verb != "REFUSED":
            raise BadLine(f"{verb} is not known here")
        if self.settings and len(self.settings[2]) == self.settings[1]:
            self.memory["settings"] = self.settings[2]
            self.remember()
            self.link.send("CONFIGURED", ("version", self.settings[0]))
            self.settings = None
        return False

    def answer(self, verb, fields):
        sent = self.sent.get(fields["seq"])
        if sent is None or str(sent) != fields["sent"]:
            return False
        self.sent = {seq: at for seq, at in self.sent.items() if int(seq) > int(fields["seq"])}
        self.round_trip = (boot_clock() - sent) // 1000
        self.proven, self.failures = True, 0
        self.answered += 1
        if verb == "LEASE" and fields["incarnation"] == str(self.memory["incarnation"]):
            length = int(fields["length"])
            if length > 3_600_000:
                return True
            if self.see(fields["token"]):
                self.lease_end = max(self.lease_end, sent + length * 1_000_000)
            else:
                self.link.send("NOTE", ("code", "stale-order"), ("text", "a lease"))
        return True

    def settle_lease(self, link):
        if self.options.self_fenced and self.running and boot_clock() >= self.lease_end > 0:
            self.running, self.since = False, boot_clock()
            print("the lease has ended: demo was stopped", flush=True)
            if link:
                self.tell_service()
                link.send("NOTE", ("code", "self-fenced"))

    def may_order(self, verb, fields):
        """A new session number comes by WELCOME or LEASE, never by an order."""
        session = self.memory["highest"].split(".")[2]
        if fields["token"].split(".")[2:3] != [session] or not self.see(fields["token"]):
            return False
        is_for_service = verb in ("START", "STOP", "RESTART") and fields["service"] == "demo"
        return not is_for_service or int(fields["order"]) >= self.last_order

    def order(self, verb, fields):
        number = ("order", fields["order"])
        if not self.may_order(verb, fields):
            seen = f"{self.memory['highest']} was seen, and order {self.last_order}"
            self.link.send("REFUSED", number, ("code", "stale-token"), ("text", seen))
            self.link.send("NOTE", ("code", "stale-order"), ("text", f"order {fields['order']}"))
        elif verb == "PREFLIGHT":
            disk = os.statvfs("/")
            self.link.send(
                "FINDING", number, ("check", "free-space:/"),
                ("outcome", "passed" if disk.f_bavail * 20 > disk.f_blocks else "warning"),
                ("text", f"{disk.f_bavail * 100 // max(1, disk.f_blocks)}% free"),
            )
            self.link.send("DONE", number)
        elif verb == "PROBE":
            self.link.send("REFUSED", number, ("code", "forbidden"), ("text", "no shared paths"))
        elif fields["service"] != "demo":
            self.link.send("REFUSED", number, ("code", "unknown-name"), ("text", "only demo here"))
        elif verb != "STOP" and self.options.self_fenced and boot_clock() >= self.lease_end:
            self.link.send("REFUSED", number, ("code", "not-now"), ("text", "there is no lease"))
        elif int(fields["order"]) == self.last_order:
            self.link.send("DONE", number)
        else:
            self.last_order = int(fields["order"])
            self.memory["wanted"] = verb != "STOP"
            self.remember()
            if verb == "RESTART" and self.running:
                self.become(False)
            if self.running != self.memory["wanted"]:
                self.become(self.memory["wanted"])
            self.link.send("DONE", number)

    def become(self, running):
        self.since = boot_clock()
        self.tell_service("starting" if running else "stopping")
        self.running = running
        self.tell_service()


# --- Own test


def selftest():
    tests = pathlib.Path(__file__).resolve().parents[2]
    files = sorted((tests / "ProtocolTests" / "Golden").glob("v*.txt"))
    golden = [line for file in files for line in file.read_text().splitlines()]
    lines = [line[2:] for line in golden if line and not line.startswith("#")]
    for line in lines:
        verb, fields = parse(line.encode())
        if write(verb, *fields.items()) != line:
            sys.exit(f"not written back: {line}")
    bad = (tests / "Corpus" / "bad-lines" / "grammar.txt").read_text().splitlines()
    for number, entry in enumerate(bad, 1):
        try:
            parse(base64.b64decode((entry.split(" ", 1) + [""])[1]))
        except BadLine:
            continue
        sys.exit(f"grammar.txt:{number} was taken")
    print(f"{len(lines)} golden lines, {len(bad)} bad lines: as the page says")


def main():
    parser = argparse.ArgumentParser(description="A small agent of Muster.")
    parser.add_argument("--selftest", action="store_true", help="check the grammar and exit")
    commands = parser.add_subparsers(dest="command")
    joining = commands.add_parser("join")
    joining.add_argument("--token", required=True)
    joining.add_argument("--name")
    joining.add_argument("--controller", help="instead of the first of the token's addresses")
    running = commands.add_parser("run")
    running.add_argument("--controller", required=True)
    running.add_argument("--beats", type=int, help="say BYE after so many answered beats")
    running.add_argument("--self-fenced", action="store_true", help="demo ends with the lease")
    running.add_argument("--renew", action="store_true", help="renew the certificate at once")
    for command in (joining, running):
        command.add_argument("--state", required=True)
    options = parser.parse_args()
    if options.selftest:
        return selftest()
    if options.command == "join":
        try:
            return join(options)
        except Refused as refusal:
            print(f"refused: {refusal}", file=sys.stderr)
            return 3
    if options.command == "run":
        return Agent(options).run()
    parser.error("join, run, or --selftest")


if __name__ == "__main__":
    sys.exit(main())
