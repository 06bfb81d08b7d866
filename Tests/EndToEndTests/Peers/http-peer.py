#!/usr/bin/env python3
"""An HTTP server that keeps what it is sent, and checks the signature as a receiver would.

    http-peer.py --folder DIR [--secret-file FILE] [--tls]

Writes its port to DIR/port and one line of JSON for each request to DIR/requests.jsonl: path, headers
(names in lower case), body, signed (yes, no, or wrong). With --tls it makes DIR/certificate.pem for
localhost. DIR/mode says how it answers: a status such as 200 or 503, `hang`, `drop`, `talk` (answers 200
with a body without end) or `redirect URL`; 200 when it is not there. Ends with TERM.
"""

import argparse
import hashlib
import hmac
import http.server
import json
import os
import pathlib
import ssl
import subprocess
import threading
import time

AGE_MAX = 300


def verify(header, body, secret):
    """What docs/notifications.md shows."""
    fields = dict(part.split("=", 1) for part in header.split(","))
    if abs(time.time() - int(fields["t"])) > AGE_MAX:
        return False
    wanted = hmac.new(secret, fields["t"].encode() + b"." + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(wanted, fields["v1"])


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def mode(self):
        try:
            return (self.server.folder / "mode").read_text().split() or ["200"]
        except FileNotFoundError:
            return ["200"]

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        signature, signed = self.headers["muster-signature"], "no"
        if signature:
            secret = pathlib.Path(self.server.secret_file).read_bytes().rstrip(b"\n")
            signed = "yes" if verify(signature, body, secret) else "wrong"
        with self.server.lock, open(self.server.folder / "requests.jsonl", "ab", buffering=0) as file:
            file.write(json.dumps({
                "path": self.path, "body": body.decode(), "signed": signed,
                "headers": {name.lower(): value for name, value in self.headers.items()},
            }).encode() + b"\n")
        self.answer(self.mode())

    def answer(self, mode):
        if mode[0] == "hang":
            while self.mode() == mode:
                time.sleep(0.05)
            mode = ["drop"]
        if mode[0] == "drop":
            self.close_connection = True
            return
        if mode[0] == "talk":
            self.send_response(200)
            self.end_headers()
            self.close_connection = True
            try:
                while self.mode() == mode:
                    self.wfile.write(b"talk " * 1_000)
            except OSError:
                return
            return
        redirects = mode[0] == "redirect"
        text = b"told to say so: " + self.path.encode()
        self.send_response(302 if redirects else int(mode[0]))
        if redirects:
            self.send_header("Location", mode[1])
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", required=True, type=pathlib.Path)
    parser.add_argument("--secret-file")
    parser.add_argument("--tls", action="store_true")
    options = parser.parse_args()
    os.makedirs(options.folder, exist_ok=True)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.folder, server.secret_file = options.folder, options.secret_file
    server.lock = threading.Lock()
    if options.tls:
        certificate, key = options.folder / "certificate.pem", options.folder / "key.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-days", "30", "-subj", "/CN=localhost", "-keyout", key, "-out", certificate,
             "-addext", "subjectAltName=DNS:localhost"],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    temporary = options.folder / ".port"
    temporary.write_text(f"{server.server_address[1]}\n")
    temporary.rename(options.folder / "port")
    server.serve_forever()


if __name__ == "__main__":
    main()
