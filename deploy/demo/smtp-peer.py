#!/usr/bin/env python3
"""A small mail server that keeps what it gets: for tests and for trying things out, not for mail.

    smtp-peer.py --folder DIR [--port 0] [--tls starttls|tls|none] [--user NAME --password-file FILE]

It makes DIR/certificate.pem and DIR/key.pem (with openssl) unless they are there, writes the port it
listens on to DIR/port, and appends to DIR/mails.jsonl one line of JSON for every mail it takes:
from, to, tls, user, message. DIR/log.jsonl has one line for everything else of interest: connections,
logins (never a password), refusals.

How it behaves is read from DIR/mode again at every step, so a test changes it while it runs:

    normal              takes everything (the default)
    refuse CODE STAGE   answers CODE at STAGE: connect, helo, auth, mail, rcpt, data, message
    refuse CODE rcpt ADDRESS   only to that recipient
    hang STAGE          says nothing any more at STAGE (the same stages)
    hang rcpt ADDRESS   only for that recipient
    drop STAGE          closes the connection at STAGE; drop data: in the midst of the message
    no-starttls         does not offer STARTTLS
    no-auth             does not offer AUTH
    login-only          offers AUTH LOGIN, and no PLAIN

Only the standard library is needed. Ends with TERM.
"""

import argparse
import asyncio
import base64
import hmac
import json
import os
import pathlib
import signal
import ssl
import subprocess
import sys

LINE_MAX = 2_000
MESSAGE_MAX = 4 << 20


class Peer:
    def __init__(self, options):
        self.folder = pathlib.Path(options.folder)
        self.tls = options.tls
        self.user = options.user
        self.password_file = options.password_file
        self.context = None
        if self.tls != "none":
            certificate, key = self.certificate(options.name)
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.minimum_version = ssl.TLSVersion.TLSv1_2
            self.context.load_cert_chain(certificate, key)

    def certificate(self, name):
        certificate, key = self.folder / "certificate.pem", self.folder / "key.pem"
        if not certificate.exists():
            subprocess.run(
                ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                 "-nodes", "-days", "30", "-subj", f"/CN={name}", "-keyout", key, "-out", certificate,
                 "-addext", f"subjectAltName=DNS:{name},IP:127.0.0.1"
                 if name == "localhost" else f"subjectAltName=DNS:{name}"],
                check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            key.chmod(0o600)
        return certificate, key

    def mode(self):
        try:
            return (self.folder / "mode").read_text().split() or ["normal"]
        except FileNotFoundError:
            return ["normal"]

    def note(self, name, **facts):
        # One write of one line: a reader never sees half of it.
        with open(self.folder / name, "ab", buffering=0) as file:
            file.write(json.dumps(facts).encode() + b"\n")

    def log(self, what, **facts):
        self.note("log.jsonl", what=what, **facts)


class Session:
    """One connection, from its greeting to its end."""

    def __init__(self, peer, reader, writer):
        self.peer, self.reader, self.writer = peer, reader, writer
        self.is_encrypted = peer.tls == "tls"
        self.user = None
        self.reset()

    def reset(self):
        self.sender, self.recipients = None, []

    async def say(self, line):
        self.writer.write(line.encode() + b"\r\n")
        await self.writer.drain()

    async def line(self):
        line = await self.reader.readline()
        if not line.endswith(b"\n") or len(line) > LINE_MAX:
            raise ConnectionError("the line broke off")
        return line.rstrip(b"\r\n").decode("utf-8", "replace")

    async def obstructed(self, stage, address=None):
        """Does what the mode says for this stage. True: nothing more is to be answered."""
        mode = self.peer.mode()
        if mode[0] == "refuse" and len(mode) > 2 and mode[2] == stage:
            if len(mode) > 3 and mode[3] != address:
                return False
            self.peer.log("refused", stage=stage, address=address)
            await self.say(f"{mode[1]} 5.1.1 refused at {stage}, as told")
            return True
        if len(mode) < 2 or mode[1] != stage or (len(mode) > 2 and mode[2] != address):
            return False
        if mode[0] == "hang":
            self.peer.log("hangs", stage=stage, address=address)
            while self.peer.mode() == mode and not self.reader.at_eof():
                await asyncio.sleep(0.05)
            raise ConnectionError("it has hung for long enough")
        if mode[0] == "drop":
            raise ConnectionError("dropped, as told")
        return False

    async def run(self):
        self.peer.log("connected", tls=self.is_encrypted)
        if await self.obstructed("connect"):
            return
        await self.say("220 peer ESMTP")
        while True:
            line = await self.line()
            verb, _, rest = line.partition(" ")
            verb = verb.upper()
            if verb == "QUIT":
                return await self.say("221 bye")
            action = getattr(self, "on_" + verb.lower(), None)
            if action is None:
                await self.say("502 not here")
            else:
                await action(rest)

    async def on_ehlo(self, rest):
        if await self.obstructed("helo"):
            return
        words, mode = ["peer greets " + rest, "8BITMIME"], self.peer.mode()[0]
        if self.peer.tls == "starttls" and not self.is_encrypted and mode != "no-starttls":
            words.append("STARTTLS")
        may_log_in = self.peer.user and (self.is_encrypted or self.peer.tls == "none")
        if may_log_in and mode != "no-auth":
            words.append("AUTH LOGIN" if mode == "login-only" else "AUTH PLAIN LOGIN")
        for word in words[:-1]:
            await self.say("250-" + word)
        await self.say("250 " + words[-1])

    async def on_helo(self, rest):
        if not await self.obstructed("helo"):
            await self.say("250 peer greets " + rest)

    async def on_starttls(self, _):
        if self.peer.tls != "starttls" or self.is_encrypted:
            return await self.say("503 not now")
        await self.say("220 go on")
        await self.writer.start_tls(self.peer.context)
        self.is_encrypted, self.user = True, None
        self.reset()

    async def on_auth(self, rest):
        # Whoever says his password in the clear is noticed.
        self.peer.log("auth", tls=self.is_encrypted)
        if await self.obstructed("auth"):
            return
        way, _, first = rest.partition(" ")
        try:
            if way.upper() == "PLAIN":
                text = first or await self.challenge("")
                _, user, password = base64.b64decode(text).decode().split("\0")
            elif way.upper() == "LOGIN":
                text = first or await self.challenge("Username:")
                user = base64.b64decode(text).decode()
                password = base64.b64decode(await self.challenge("Password:")).decode()
            else:
                return await self.say("504 not this way")
        except ValueError:
            return await self.say("501 that is no login")
        wanted = pathlib.Path(self.peer.password_file).read_text().rstrip("\n")
        if user != self.peer.user or not hmac.compare_digest(password.encode(), wanted.encode()):
            self.peer.log("login refused", user=user)
            return await self.say("535 5.7.8 wrong user or password")
        self.user = user
        await self.say("235 2.7.0 welcome")

    async def challenge(self, text):
        await self.say("334 " + base64.b64encode(text.encode()).decode())
        return await self.line()

    async def on_mail(self, rest):
        if self.peer.tls == "starttls" and not self.is_encrypted:
            return await self.say("530 5.7.0 STARTTLS first")
        if self.peer.user and self.user is None:
            return await self.say("530 5.7.0 log in first")
        sender = rest[rest.find("<") + 1:rest.find(">")]
        if not await self.obstructed("mail", sender):
            self.reset()
            self.sender = sender
            await self.say("250 2.1.0 fine")

    async def on_rcpt(self, rest):
        if self.sender is None:
            return await self.say("503 MAIL first")
        address = rest[rest.find("<") + 1:rest.find(">")]
        if not await self.obstructed("rcpt", address):
            self.recipients.append(address)
            await self.say("250 2.1.5 fine")

    async def on_data(self, _):
        if not self.recipients:
            return await self.say("503 RCPT first")
        mode = self.peer.mode()
        if mode != ["drop", "data"] and await self.obstructed("data"):
            return
        await self.say("354 go on")
        lines, count = [], 0
        while True:
            line = await self.reader.readline()
            if mode == ["drop", "data"] or not line.endswith(b"\n"):
                raise ConnectionError("in the midst of the message")
            if line == b".\r\n":
                break
            count += len(line)
            if count > MESSAGE_MAX:
                raise ConnectionError("the message is too long")
            lines.append(line[1:] if line.startswith(b".") else line)
        if await self.obstructed("message", self.recipients[0]):
            return
        self.peer.note(
            "mails.jsonl", **{"from": self.sender, "to": self.recipients, "tls": self.is_encrypted,
                              "user": self.user, "message": b"".join(lines).decode("utf-8", "replace")})
        self.reset()
        await self.say("250 2.0.0 taken")

    async def on_rset(self, _):
        self.reset()
        await self.say("250 fine")

    async def on_noop(self, _):
        await self.say("250 fine")


async def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", required=True, help="where everything is written")
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--name", default="localhost", help="the name in the certificate")
    parser.add_argument("--tls", choices=["starttls", "tls", "none"], default="starttls")
    parser.add_argument("--user", help="without one nobody has to log in")
    parser.add_argument("--password-file")
    options = parser.parse_args()
    if options.user and not options.password_file:
        parser.error("--user needs --password-file")
    os.makedirs(options.folder, exist_ok=True)
    peer = Peer(options)

    async def serve(reader, writer):
        session = Session(peer, reader, writer)
        try:
            await session.run()
        except (ConnectionError, ssl.SSLError, OSError) as error:
            peer.log("broken off", why=str(error))
        finally:
            session.writer.close()

    server = await asyncio.start_server(
        serve, "127.0.0.1", options.port, limit=1 << 16,
        ssl=peer.context if options.tls == "tls" else None)
    port = server.sockets[0].getsockname()[1]
    temporary = peer.folder / ".port"
    temporary.write_text(f"{port}\n")
    temporary.rename(peer.folder / "port")
    print(f"listening on 127.0.0.1:{port}", flush=True)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
    os._exit(0)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
