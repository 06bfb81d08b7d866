"""The grammar of docs/PROTOCOL.md, and lines over TLS."""
import re
import select
import socket
import ssl
import time

LINE_MAX, FIELDS_MAX, KEY_MAX, VALUE_MAX = 8192, 32, 32, 4096
FORBIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufdd0-\ufdef"
    + "".join(chr(plane << 16 | end) for plane in range(17) for end in (0xFFFE, 0xFFFF)) + "]"
)
VERB = re.compile(r"[A-Z][A-Z-]{0,31}")
FIELD = re.compile(r' ([a-z][a-z0-9._-]*)=("(?:[^"\\]|\\["\\nt])*"|[!#-\[\]-~]+)(?= |$)')
BARE = re.compile(r"[!#-\[\]-~]+")


class BadLine(Exception):
    """The other side broke the grammar."""


class Refused(Exception):
    """The controller said ERR; `code` is its refusal code."""

    def __init__(self, fields):
        super().__init__(f"{fields.get('code')}: {fields.get('text', '')}")
        self.code = fields.get("code", "")


class Lost(Exception):
    """The connection is gone, or the controller said BYE."""

    retry = 0.0


def parse(data):
    """The verb and the fields of a line (bytes, without its line feed)."""
    if len(data) > LINE_MAX:
        raise BadLine("too long")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise BadLine("not UTF-8") from None
    verb = VERB.match(text)
    if FORBIDDEN.search(text) or not verb:
        raise BadLine("a forbidden character, or no verb")
    at, fields = verb.end(), {}
    while at < len(text):
        field = FIELD.match(text, at)
        if not field or field[1] in fields or len(fields) == FIELDS_MAX or len(field[1]) > KEY_MAX:
            raise BadLine("a field is not key=value, or there are too many")
        value = field[2]
        if value[0] == '"':
            meant = {"n": "\n", "t": "\t"}
            value = re.sub(r"\\(.)", lambda m: meant.get(m[1], m[1]), value[1:-1])
        if len(value.encode()) > VALUE_MAX:
            raise BadLine("a value is too long")
        fields[field[1]] = value
        at = field.end()
    return verb[0], fields


def clean(text, limit):
    """Text for people as it may be sent."""
    text = "".join(c if c in "\n\t" else FORBIDDEN.sub("\ufffd", c) for c in text[:limit + 1])
    if len(text.encode()) <= limit:
        return text
    return text.encode()[:limit - 3].decode(errors="ignore") + "…"


def write(verb, *fields):
    """A line of (key, value) pairs; None, False and empty text are left out."""
    parts = [verb]
    for key, value in fields:
        if value is None or value is False or value == "":
            continue
        value = "yes" if value is True else str(value)
        if not BARE.fullmatch(value):
            for letter, escaped in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\t", "\\t")):
                value = value.replace(letter, escaped)
            value = '"' + FORBIDDEN.sub("\ufffd", value) + '"'
        parts.append(f"{key}={value}")
    return " ".join(parts)


class Connection:
    """Lines over TLS 1.3. `root` is DER; without it nothing is verified."""

    def __init__(self, address, root=None, cluster=None, credentials=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.set_alpn_protocols(["muster/1"])
        context.check_hostname = False
        context.verify_mode = ssl.CERT_REQUIRED if root else ssl.CERT_NONE
        if root:
            context.load_verify_locations(cadata=root)
        if credentials:
            context.load_cert_chain(*map(str, credentials))
        host, port = address.rsplit(":", 1)
        plain = socket.create_connection((host.strip("[]"), int(port)), timeout=10)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = context.wrap_socket(plain, server_hostname=None)
        if root:
            self.check_controller(cluster)
        self.socket.setblocking(False)
        self.received = b""

    def check_controller(self, cluster):
        names = self.socket.getpeercert().get("subjectAltName", ())
        uris = [name for kind, name in names if kind == "URI"]
        allowed = re.escape(cluster) if cluster else "[a-z0-9._-]+"
        wanted = f"muster://{allowed}/controller/[a-z0-9._-]+"
        if len(uris) != 1 or not re.fullmatch(wanted, uris[0]):
            raise ssl.SSLError("the peer is no controller of this cluster")

    def send(self, verb, *fields):
        line = write(verb, *fields)
        print(">", line, flush=True)
        data = line.encode() + b"\n"
        while data:
            try:
                data = data[self.socket.send(data):]
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                select.select([], [self.socket], [], 1)
            except OSError as error:
                raise Lost(str(error)) from None

    def receive(self, wait):
        """The next message, or None when `wait` seconds have passed."""
        end = time.monotonic() + wait
        while b"\n" not in self.received:
            if len(self.received) > LINE_MAX:
                raise BadLine("too long")
            try:
                data = self.socket.recv(16384)
                if not data:
                    raise Lost("the controller closed the connection")
                self.received += data
            except ssl.SSLWantReadError:
                left = end - time.monotonic()
                if left <= 0:
                    return None
                select.select([self.socket], [], [], left)
            except OSError as error:
                raise Lost(str(error)) from None
        line, self.received = self.received.split(b"\n", 1)
        verb, fields = parse(line)
        print("<", line.decode(), flush=True)
        if verb == "ERR":
            raise Refused(fields)
        if verb == "BYE":
            lost = Lost(f"the controller is {fields.get('reason')}")
            lost.retry = int(fields.get("retry", "0")) / 1000
            raise lost
        return verb, fields

    def expect(self, wanted, wait=10):
        message = self.receive(wait)
        if message is None or message[0] != wanted:
            raise Lost(f"{wanted} did not come")
        return message[1]

    def close(self):
        self.socket.close()
