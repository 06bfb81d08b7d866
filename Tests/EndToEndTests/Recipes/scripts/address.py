"""An address follows the active site in a segment of network namespaces; clients reach who holds it.

  address.py FOLDER PROGRAMS PROJECT
"""

import os
import signal
import time

from harness import *

IP = "/usr/sbin/ip"
NAMES = [f"m{os.getpid()}{letter}" for letter in "nscb"]
NORTH, SOUTH, CLIENT, BRIDGE = NAMES
SERVER = """
import socketserver, sys
class Handler(socketserver.BaseRequestHandler):
    def handle(self): self.request.sendall(sys.argv[1].encode())
class Server(socketserver.ThreadingTCPServer): allow_reuse_address = True
Server(("0.0.0.0", 80), Handler).serve_forever()
"""
ASK = """
import socket
try:
    connection = socket.create_connection(("192.0.2.10", 80), 1)
    print(connection.recv(100).decode())
except OSError as problem:
    print(type(problem).__name__)
"""


def inside(name, *words, status=0, **variables):
    return run([IP, "netns", "exec", name, *words], status, **variables)


def main():
    needs(iproute2=IP, iputils_arping="/usr/bin/arping")
    install()
    for name in NAMES:
        run([IP, "netns", "add", name])
    run([IP, "-n", BRIDGE, "link", "add", "br0", "type", "bridge"])
    run([IP, "-n", BRIDGE, "link", "set", "br0", "up"])
    for number, name in enumerate((NORTH, SOUTH, CLIENT), 1):
        run([IP, "-n", BRIDGE, "link", "add", f"to-{number}", "type", "veth", "peer", "name", "eth0", "netns", name])
        run([IP, "-n", BRIDGE, "link", "set", f"to-{number}", "master", "br0", "up"])
        run([IP, "-n", name, "link", "set", "eth0", "up"])
        run([IP, "-n", name, "link", "set", "lo", "up"])
        run([IP, "-n", name, "address", "add", f"192.0.2.{number}/24", "dev", "eth0"])
    for name, site in ((NORTH, "north"), (SOUTH, "south")):
        write(f"{FOLDER}/{site}.conf", shipped(
            "address/agent/address.conf", {"/var/lib/muster-address": f"{FOLDER}/{site}"}))
        start([IP, "netns", "exec", name, "/usr/bin/python3", "-c", SERVER, site, FOLDER + "/"], f"server-{site}")
    program = f"{RECIPES}/address/muster-address"

    def hold(name, site, epoch):
        return start(
            [IP, "netns", "exec", name, program, "--config", f"{FOLDER}/{site}.conf", "hold"], f"hold-{site}",
            MUSTER_TOKEN=f"0001.{epoch:08x}.00000001",
        )

    def held(name, site):
        return "is on eth0" in inside(name, program, "--config", f"{FOLDER}/{site}.conf", "held", status=None) \
            and "not on" not in inside(name, program, "--config", f"{FOLDER}/{site}.conf", "held", status=None)

    def ask():
        return inside(CLIENT, "/usr/bin/python3", "-c", ASK).strip()

    first = hold(NORTH, "north", 1)
    await_("clients reach north", lambda: ask() == "north")
    inside(SOUTH, program, "--config", f"{FOLDER}/south.conf", "hold", status=1,
           MUSTER_TOKEN="0001.00000002.00000001")
    expect(ask() == "north", "who finds another holder does not take it")

    # Given up in good order: it is gone at once, and the other's gratuitous ARP moves the client.
    first.terminate()
    expect(first.wait(30) == 0 and not held(NORTH, "north"), "north has given it up")
    second = hold(SOUTH, "south", 2)
    hardware = run([IP, "-n", SOUTH, "link", "show", "eth0"]).split("link/ether ")[1].split()[0]
    await_("the client has heard of it without asking", lambda: hardware in run(
        [IP, "-n", CLIENT, "neighbour", "show", "192.0.2.10"]), 20)
    await_("clients reach south", lambda: ask() == "south")
    inside(NORTH, program, "--config", f"{FOLDER}/north.conf", "hold", status=1,
           MUSTER_TOKEN="0001.00000001.00000002")

    # Stopped and not dead: the kernel takes the address away. When it wakes up another has it, and it
    # does not take it back.
    def holder(site):
        return next(pid for pid in processes(f"{FOLDER}/{site}.conf") if "python3" in read(f"/proc/{pid}/cmdline"))

    def is_gone(site, name):
        began = time.monotonic()
        await_(f"the address is gone from {site}", lambda: not held(name, site), 10)
        say(f"it took {time.monotonic() - began:.1f} s with a lifetime of 2 s")

    os.kill(holder("south"), signal.SIGSTOP)
    is_gone("south", SOUTH)
    third = hold(NORTH, "north", 3)
    await_("clients reach north", lambda: ask() == "north")
    os.kill(holder("south"), signal.SIGCONT)
    expect(second.wait(30) == 1 and not held(SOUTH, "south"), "the one that wakes up late ends without it")
    expect(ask() == "north", "clients still reach north")

    # Killed, with all that could have cleaned up after it.
    power_cut(f"{FOLDER}/north.conf")
    is_gone("north", NORTH)
    third.wait(30)
    third = hold(SOUTH, "south", 4)
    await_("clients reach south", lambda: ask() == "south")
    third.terminate()
    third.wait(30)
    # An older epoch than this node has seen is refused, whoever has the address.
    inside(NORTH, program, "--config", f"{FOLDER}/north.conf", "hold", status=3,
           MUSTER_TOKEN="0001.00000002.00000009")


def clean():
    try:
        main()
    finally:
        power_cut(FOLDER + "/")
        for name in NAMES:
            run([IP, "netns", "del", name], status=None)


ended(clean)
