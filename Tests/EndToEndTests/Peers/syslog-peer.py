#!/usr/bin/env python3
"""A syslog server for tests: UDP and TCP (RFC 6587, counted) on one port, and a local socket.

    syslog-peer.py --folder DIR [--port 0]

Writes DIR/port, and to DIR/messages one line for each message: udp, tcp or local, and the message.
"""

import argparse
import os
import pathlib
import socket
import socketserver
import threading


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", required=True, type=pathlib.Path)
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    lock = threading.Lock()

    def keep(way, message):
        with lock, open(options.folder / "messages", "ab", buffering=0) as file:
            file.write(way.encode() + b" " + message + b"\n")

    class Counted(socketserver.StreamRequestHandler):
        def handle(self):
            while True:
                digits = b""
                while (byte := self.rfile.read(1)) and byte != b" ":
                    digits += byte
                if not digits:
                    return
                keep("tcp", self.rfile.read(int(digits)))

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

    server = Server(("127.0.0.1", options.port), Counted)
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind(server.server_address)
    local = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    path = options.folder / "socket"
    path.unlink(missing_ok=True)
    local.bind(os.fspath(path))

    def take(way, source):
        while True:
            keep(way, source.recv(65536))

    for way, source in (("udp", datagrams), ("local", local)):
        threading.Thread(target=take, args=(way, source), daemon=True).start()
    temporary = options.folder / ".port"
    temporary.write_text(f"{server.server_address[1]}\n")
    temporary.rename(options.folder / "port")
    server.serve_forever()


if __name__ == "__main__":
    main()
