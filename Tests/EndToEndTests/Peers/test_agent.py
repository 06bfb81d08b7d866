#!/usr/bin/env python3
"""agent.py against a scripted controller: what must be durable, checked or refused."""
import base64
import json
import os
import pathlib
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import unittest

sys.dont_write_bytecode = True
from durable import openssl, pin_of  # noqa: E402
from lines import parse, write  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
CLUSTER = "6f1d1c1e-6d0b-4f0a-9d8e-2b7a5c3e1f90"
NODE = "0af2c1d4-6c1b-4e0a-9f5e-1b7d1a6c2e33"
TOKEN = "0001.00000003.00000029"


class Authority:
    """Root, issuing and controller certificates in a folder."""

    def __init__(self, folder, cluster=CLUSTER):
        self.folder = folder
        folder.mkdir()
        for name in ("root", "issuing", "controller"):
            key = openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
            (folder / f"{name}.key").write_bytes(key)
        authority = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n"
        self.sign("root", authority + f"subjectAltName=URI:muster://{cluster}/authority/root")
        self.sign("issuing", authority + f"subjectAltName=URI:muster://{cluster}/authority/issuing")
        leaf = "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
        uri = f"subjectAltName=URI:muster://{cluster}/controller/c1,DNS:localhost"
        self.sign("controller", leaf + "extendedKeyUsage=serverAuth\n" + uri)
        self.leaf = leaf
        chain = [folder / f"{name}.crt" for name in ("controller", "issuing", "root")]
        (folder / "chain.crt").write_bytes(b"".join(part.read_bytes() for part in chain))

    def sign(self, name, extensions, request=None):
        if request is None:
            key = str(self.folder / f"{name}.key")
            request = openssl("req", "-new", "-key", key, "-subj", f"/CN={name}")
        issuer = {"root": None, "issuing": "root"}.get(name, "issuing")
        (self.folder / "x.ext").write_text(extensions)
        by = ["-signkey", str(self.folder / "root.key")] if issuer is None else [
            "-CA", str(self.folder / f"{issuer}.crt"), "-CAkey", str(self.folder / f"{issuer}.key"),
            "-CAcreateserial"]
        certificate = openssl("x509", "-req", "-days", "2", "-extfile", str(self.folder / "x.ext"),
                              *by, data=request)
        (self.folder / f"{name}.crt").write_bytes(certificate)

    def node(self, request):
        pem = openssl("req", "-inform", "DER", "-verify", data=base64.b64decode(request))
        names = f"extendedKeyUsage=clientAuth\nsubjectAltName=URI:muster://{CLUSTER}/node/{NODE}"
        self.sign("node", self.leaf + names, pem)
        return self.text("node"), self.text("issuing")

    def der(self, name):
        return ssl.PEM_cert_to_DER_cert((self.folder / f"{name}.crt").read_text())

    def text(self, name):
        return base64.b64encode(self.der(name)).decode()


class Peer:
    """The controller's end of one connection."""

    def __init__(self, connection):
        self.socket = connection
        self.file = connection.makefile("rb")
        self.seen = []

    def read(self, *wanted):
        """The next line of one of these verbs; those before it are kept in `seen`."""
        while True:
            line = self.file.readline()
            if not line.endswith(b"\n"):
                raise EOFError(f"waiting for {wanted}")
            verb, fields = parse(line[:-1])
            self.seen.append(verb)
            if not wanted or verb in wanted:
                return fields

    def send(self, verb, **fields):
        pairs = [(key.replace("_", "-"), value) for key, value in fields.items()]
        self.socket.sendall(write(verb, *pairs).encode() + b"\n")

    def authority(self, authority):
        hello = self.read("HELLO")
        assert hello["speaker"] == "stranger", hello
        self.send("AUTHORITY", cluster=CLUSTER, wall="2026-11-23T06:41:12.345Z",
                  certificate=authority.text("root"))

    def welcome(self, nonce, token=TOKEN, heartbeat=400):
        hello = self.read("HELLO")
        self.send("WELCOME", version=1, cluster=CLUSTER, node=NODE, name="n1", site="north",
                  role="active", token=token, nonce=nonce, heartbeat=heartbeat, load=5000,
                  spread=50, wall="2026-11-23T06:41:12.345Z")
        return hello

    def lease(self, beat, incarnation=1, length=12000, token=TOKEN):
        self.send("LEASE", seq=beat["seq"], sent=beat["sent"], incarnation=incarnation,
                  length=length, token=token)


class AgentTests(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.authority = Authority(self.folder / "ca")
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(self.listener.close)
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.errors = []

    def serve(self, *scripts, authority=None):
        """Each connection that comes follows the next script."""
        def run():
            for script in scripts:
                chosen = authority or self.authority
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.minimum_version = ssl.TLSVersion.TLSv1_3
                context.set_alpn_protocols(["muster/1"])
                key = chosen.folder / "controller.key"
                context.load_cert_chain(chosen.folder / "chain.crt", key)
                context.load_verify_locations(self.authority.folder / "root.crt")
                context.verify_mode = ssl.CERT_OPTIONAL
                plain = None
                try:
                    plain, _ = self.listener.accept()
                    plain.settimeout(10)
                    with context.wrap_socket(plain, server_side=True) as connection:
                        assert connection.selected_alpn_protocol() == "muster/1"
                        script(Peer(connection))
                except Exception as error:  # The test asks for them.
                    self.errors.append(error)
        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread

    def agent(self, *arguments, wait=20):
        return subprocess.run(
            [sys.executable, "-B", str(HERE / "agent.py"), *arguments],
            capture_output=True, text=True, timeout=wait, env={"PATH": os.environ["PATH"]},
        )

    def token(self, pin=None):
        addresses = f"127.0.0.1:1,{self.address}"  # Nobody listens at the first.
        addresses = base64.urlsafe_b64encode(addresses.encode()).decode().rstrip("=")
        return f"mjt1.k3v9q.{'A' * 43}.{pin or pin_of(self.authority.der('root'))}.{addresses}"

    def join(self):
        def enrol(peer):
            peer.authority(self.authority)
            request = peer.read("ENROL")
            assert request["token"] == self.token() and request["name"] == "n1", request
            certificate, issuer = self.authority.node(request["csr"])
            peer.send("ENROLLED", node=NODE, name="n1", site="north", cluster=CLUSTER,
                      certificate=certificate, issuer=issuer)
        thread = self.serve(lambda peer: peer.authority(self.authority), enrol)
        state = self.folder / "state"
        done = self.agent("join", "--token", self.token(), "--state", str(state), "--name", "n1")
        thread.join(10)
        self.assertEqual((done.returncode, self.errors), (0, []), done.stdout + done.stderr)
        return state

    def session(self, state, script, *arguments):
        thread = self.serve(script)
        done = self.agent(
            "run", "--state", str(state), "--controller", self.address, *arguments)
        thread.join(10)
        self.assertEqual(self.errors, [], done.stdout + done.stderr)
        return done

    def memory(self, state):
        return json.loads((state / "state.json").read_text())

    def test_joins_then_lives_through_a_session_and_remembers_it(self):
        state = self.join()
        self.assertEqual((state / "node.key").stat().st_mode & 0o777, 0o600)

        def first(peer):
            hello = peer.welcome("aa")
            self.assertNotIn("nonce", hello)
            self.assertEqual(hello["incarnation"], "1")
            peer.read("READY")
            # What is said is durable before it is said.
            self.assertEqual(self.memory(state)["nonce"], "aa")
            peer.read("SYNCED")
            self.assertEqual(peer.seen[2:], ["FACTS", "SERVICE", "CHECK", "LOAD", "DISK", "SYNCED"])
            peer.lease(peer.read("BEAT"))
            peer.send("CONFIG", version=12, count=1)
            peer.send("SET", key="motto", value="two words", scope="site")
            self.assertEqual(peer.read("CONFIGURED"), {"version": "12"})
            self.assertEqual(self.memory(state)["settings"], {"motto": "two words"})
            peer.send("STOP", order=1, token=TOKEN, service="demo")
            self.assertEqual(peer.read("DONE"), {"order": "1"})
            self.assertFalse(self.memory(state)["wanted"])
            peer.send("START", order=2, token="0001.00000002.00000030", service="demo")
            self.assertEqual(peer.read("REFUSED")["code"], "stale-token")
            peer.send("START", order=3, token=TOKEN, service="other")
            self.assertEqual(peer.read("REFUSED")["code"], "unknown-name")
            peer.send("STOP", order=0, token=TOKEN, service="demo")
            self.assertEqual(peer.read("REFUSED")["code"], "stale-token")
            later = "0001.00000003.00000030"
            peer.send("START", order=4, token=later, service="demo")
            self.assertEqual(peer.read("REFUSED")["code"], "stale-token")
            peer.lease(peer.read("BEAT"), token=later)
            for _ in range(2):
                peer.send("START", order=4, token=later, service="demo")
                self.assertEqual(peer.read("DONE"), {"order": "4"})
            self.assertEqual(peer.seen.count("SERVICE"), 5)
            self.assertEqual(self.memory(state)["highest"], "0001.00000003.00000030")
            peer.send("PREFLIGHT", order=5, token="0001.00000003.00000030")
            self.assertEqual(peer.read("FINDING")["order"], "5")
            self.assertEqual(peer.read("DONE"), {"order": "5"})
            beat = peer.read("BEAT")
            peer.send("ALIVE", seq=beat["seq"], sent=beat["sent"])
            self.assertEqual(peer.read("BYE"), {"reason": "stopping"})

        done = self.session(state, first, "--beats", "3")
        self.assertEqual(done.returncode, 0, done.stderr)

        def second(peer):
            hello = peer.welcome("bb", token="0001.00000003.00000030")
            self.assertEqual((hello["nonce"], hello["incarnation"]), ("aa", "2"))
            self.assertEqual(hello["highest"], "0001.00000003.00000030")
            request = peer.read("RENEW")
            certificate, issuer = self.authority.node(request["csr"])
            peer.send("RENEWED", certificate=certificate, issuer=issuer)
            peer.lease(peer.read("BEAT"), incarnation=2, token="0001.00000003.00000030")
            peer.read("BYE")

        self.session(state, second, "--beats", "1", "--renew")

    def test_a_lease_that_ends_stops_what_is_self_fenced(self):
        state = self.join()

        def script(peer):
            peer.welcome("aa")
            peer.lease(peer.read("BEAT"), incarnation=9)
            peer.lease(peer.read("BEAT"), length=120)
            seen = []
            while "NOTE" not in peer.seen:
                fields = peer.read("BEAT", "SERVICE", "NOTE")
                seen.append(fields)
                if peer.seen[-1] == "BEAT":
                    peer.send("ALIVE", seq=fields["seq"], sent=fields["sent"])
            self.assertEqual(seen[-1], {"code": "self-fenced"})
            self.assertEqual(seen[-2]["state"], "stopped")
            peer.send("START", order=1, token=TOKEN, service="demo")
            self.assertEqual(peer.read("REFUSED")["code"], "not-now")
            peer.send("ERR", code="removed", text="so it is")

        self.assertEqual(self.session(state, script, "--self-fenced").returncode, 3)

    def test_an_older_controller_gets_no_ready(self):
        state = self.join()

        def first(peer):
            peer.welcome("aa")
            peer.lease(peer.read("BEAT"))
            peer.read("BYE")

        self.session(state, first, "--beats", "1")

        def older(peer):
            peer.welcome("bb", token="0001.00000002.00000029")
            self.assertRaises(EOFError, peer.read, "READY")

        def back(peer):
            self.assertEqual(peer.welcome("cc")["nonce"], "aa")
            peer.lease(peer.read("BEAT"), incarnation=2)
            peer.read("BYE")

        thread = self.serve(older, back)
        self.agent("run", "--state", str(state), "--controller", self.address, "--beats", "1")
        thread.join(10)
        self.assertEqual(self.errors, [])

    def test_a_wrong_pin_or_an_impostor_gets_no_token(self):
        thread = self.serve(lambda peer: peer.authority(self.authority))
        state = self.folder / "state"
        done = self.agent("join", "--token", self.token("a" * 52), "--state", str(state))
        thread.join(10)
        self.assertIn("someone stands between", done.stderr)

        # Shows the true root, which anyone can have, over a connection of its own.
        impostor = Authority(self.folder / "impostor")
        thread = self.serve(
            lambda peer: peer.authority(self.authority),
            lambda peer: self.fail("the handshake was completed"),
            authority=impostor,
        )
        done = self.agent("join", "--token", self.token(), "--state", str(state))
        thread.join(10)
        self.assertNotEqual(done.returncode, 0)
        self.assertNotIn("ENROL", done.stdout)
        self.assertTrue(any(isinstance(error, ssl.SSLError) for error in self.errors))
        self.assertFalse((state / "state.json").exists())


if __name__ == "__main__":
    unittest.main()
