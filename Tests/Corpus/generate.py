#!/usr/bin/env python3
"""Writes the corpus of bad lines, bad-lines/*.txt, from the golden lines of all versions.

Nothing is drawn by chance: running it again writes the same files. Each line of a file is the
reason for which an entry must be refused, a space, and the entry's bytes in base64.

    grammar.txt      refused by the grammar or a limit of a member's line (LineError)
    agent.txt        lines that are no message of an agent (MessageError)
    controller.txt   lines that are no message of a controller (MessageError)
"""
import base64
import pathlib
import re

HERE = pathlib.Path(__file__).resolve().parent
GOLDEN = sorted((HERE.parent / "ProtocolTests" / "Golden").glob("v*.txt"))
OUT = HERE / "bad-lines"

U16, U32, U64 = (1 << 16) - 1, (1 << 32) - 1, (1 << 64) - 1
I63, SIZE, MILLIS = (1 << 63) - 1, 1 << 60, 864_000_000_000

# verb: {field: (type, required)}; a number's type is its greatest value, or its range.
ATTEMPT = {"task": (U64, 1), "attempt": (range(1, U16 + 1), 1)}
PART = {"at": ((1 << 20) - 1, 1), "data": ("part", 1)}
WORK = {
    "type": ("type", 1), "account": ("line", 0), "attributes": ("attributes", 0),
    "priority": (9, 0), "exclusive": ("line", 0), "payload": (1 << 20, 0),
}
AGENT = {
    "HELLO": {"version": ("versions", 1), "speaker": ("word", 1)},
    "ENROL": {"token": ("text", 1), "csr": ("text", 1), "name": ("name", 0)},
    "READY": {"nonce": ("text", 1)},
    "FACTS": {"os": ("text", 1), "arch": ("text", 1), "cgroups": ("flag", 0)},
    "SERVICE": {
        "name": ("name", 1), "state": ("word", 1), "wanted": ("flag", 0), "required": ("flag", 0),
        "self-fenced": ("flag", 0), "group": ("name", 0), "order": (9_999, 0), "pid": (U32, 0),
        "restarts": (U32, 0), "in-state": (MILLIS, 0),
    },
    "GONE": {"service": ("name", 1)},
    "CHECK": {
        "service": ("name", 1), "name": ("name", 1), "kind": ("text", 1), "state": ("word", 1),
        "took": (MILLIS, 0), "age": (MILLIS, 0),
    },
    "SYNCED": {"services": (U32, 1), "handlers": (U32, 0), "attempts": (U32, 0)},
    "LOAD": {
        "cpus": (U32, 1), "cpu": (1_000, 1), "load1": (U32, 0), "load5": (U32, 0),
        "load15": (U32, 0), "mem": (SIZE, 1), "mem-free": (SIZE, 1), "swap": (SIZE, 0),
        "swap-used": (SIZE, 0), "psi-cpu": (1_000, 0), "psi-mem": (1_000, 0),
        "psi-io": (1_000, 0), "net-in": (SIZE, 0), "net-out": (SIZE, 0),
        "uptime": (MILLIS // 1_000, 0), "disks": (U32, 1),
    },
    "DISK": {
        "mount": ("text", 1), "total": (SIZE, 1), "free": (SIZE, 1), "inodes": (SIZE, 0),
        "inodes-free": (SIZE, 0),
    },
    "BEAT": {
        "seq": (U64, 1), "sent": (I63, 1), "wall": ("time", 1), "health": ("word", 1),
        "floor": ("token", 0),
    },
    "CONFIGURED": {"version": (U64, 1)},
    "DONE": {"order": (U64, 1)},
    "FAILED": {"order": (U64, 1)},
    "REFUSED": {"order": (U64, 1), "code": ("word", 1)},
    "FINDING": {"order": (U64, 1), "check": ("text", 1), "outcome": ("word", 1)},
    "NOTE": {"code": ("word", 1)},
    "RENEW": {"csr": ("text", 1)},
    "BYE": {"reason": ("word", 1)},
    "HANDLER": {
        "name": ("name", 1), "types": ("types", 1), "slots": (range(1, 4_097), 1),
        "prefetch": (4_096, 0), "delivery": ("word", 1), "limit": (MILLIS, 0),
    },
    "UNHANDLED": {"handler": ("name", 1)},
    "HOLDING": {**ATTEMPT, "phase": ("word", 1)},
    "STARTED": ATTEMPT,
    "OUTPUT": {**ATTEMPT, **PART, "at": (SIZE, 1), "live": ("flag", 0)},
    "RESULT": {
        **ATTEMPT, "outcome": ("word", 1), "status": (255, 0), "signal": (range(1, 128), 0),
        "permanent": ("flag", 0), "ran": (MILLIS, 0), "cpu": (MILLIS, 0), "memory": (SIZE, 0),
        "output": (SIZE, 0),
    },
    "RETURNED": {**ATTEMPT, "code": ("word", 1)},
    "SUBMIT": {
        "ref": (U64, 1), **WORK, "ordered": ("flag", 0), "key": ("line", 0),
        "attempts": (range(1, 1_001), 0), "retry-delay": (MILLIS, 0), "not-before": ("time", 0),
    },
    "PIECE": {"ref": (U64, 1), **PART},
}
ORDER = {"order": (U64, 1), "token": ("token", 1)}
CONTROLLER = {
    "AUTHORITY": {"cluster": ("name", 1), "wall": ("time", 1), "certificate": ("text", 1)},
    "ENROLLED": {
        "node": ("name", 1), "name": ("name", 1), "site": ("name", 1), "cluster": ("name", 1),
        "certificate": ("text", 1), "issuer": ("text", 1),
    },
    "WELCOME": {
        "version": (U16, 1), "cluster": ("name", 1), "node": ("name", 1), "name": ("name", 1),
        "site": ("name", 1), "role": ("word", 1), "token": ("token", 1), "nonce": ("text", 1),
        "heartbeat": (MILLIS, 1), "load": (MILLIS, 1), "spread": (MILLIS, 1),
        "wall": ("time", 1),
    },
    "LEASE": {
        "seq": (U64, 1), "sent": (I63, 1), "incarnation": (U64, 1), "length": (MILLIS, 1),
        "token": ("token", 1), "watch": ("watches", 0),
    },
    "ALIVE": {"seq": (U64, 1), "sent": (I63, 1)},
    "ROLE": {"role": ("word", 1), "token": ("token", 1)},
    "START": {**ORDER, "service": ("name", 1)},
    "STOP": {**ORDER, "service": ("name", 1)},
    "RESTART": {**ORDER, "service": ("name", 1)},
    "PREFLIGHT": ORDER,
    "PROBE": {**ORDER, "action": ("word", 1), "path": ("text", 1), "marker": ("text", 1)},
    "CONFIG": {"version": (U64, 1), "count": (U32, 1)},
    "SET": {"key": ("text", 1), "scope": ("word", 1)},
    "RENEWED": {"certificate": ("text", 1), "issuer": ("text", 1)},
    "REFUSED": {"code": ("word", 1)},
    "ERR": {"code": ("word", 1)},
    "BYE": {"reason": ("word", 1), "retry": (MILLIS, 0)},
    "RUN": {
        **ATTEMPT, **WORK, "token": ("token", 1), "handler": ("name", 1), "again": ("flag", 0),
        "submitted": ("time", 1),
    },
    "PART": {**ATTEMPT, **PART},
    "CANCEL": {**ATTEMPT, "token": ("token", 1), "reason": ("word", 1)},
    "TAKEN": ATTEMPT,
    "ACCEPTED": {"ref": (U64, 1), "task": (U64, 1), "known": ("flag", 0)},
    "DECLINED": {"ref": (U64, 1), "code": ("word", 1), "retry": (MILLIS, 0)},
}
# What no base64 of ours is: foreign digits, missing or needless padding, bits that no byte needs.
BASE64 = [
    "A", "AA", "AAA", "AAAAA", "AA=", "A===", "====", "=AAA", "A=AA", "AA=A", "AAAA=", "AAAA====",
    "AA==AAAA", "AB==", "AAB=", "//==", "AA-_", "AAA ", " AAA", "AA\\nAA", "AAAé", "AAA*",
]
TYPE = ["1A", "_A", "-A", ".A", "A B", "A/B", "A;B", "A=B", "É", "A\\n", "$(id)", "x" * 64]
BAD = {
    "text": [""],
    "type": TYPE,
    "types": TYPE + [",", "A,", ",A", "A,,B", "A, B", "A,A", ",".join(f"T{i}" for i in range(33))],
    "line": ["a\\nb", "\\t", "x" * 129, "é" * 65],
    "attributes": [
        "a", "=", "=a", "1=a", "a b=c", "é=a", "a=1;", ";a=1", "a=1;;b=2", "a=1;a=2", "a=1;A",
        "a=\\n", "a=\\t", "a=\\\\", "a=\\\\b", "a=1;\\\\b=2", "a\u037e=1", "x" * 64 + "=1",
        "a=" + "v" * 257, "a=" + "é" * 129, ";".join(f"a{i}=" for i in range(17)),
        ";".join(f"a{i}=" + "v" * 250 for i in range(9)),
    ],
    "part": BASE64 + ["A" * 4_093 + "==="],
    "flag": ["", "true", "Yes", "1", "yes "],
    "word": ["", "ACTIVE", "unheard-of", "running ", "passed\\n"],
    "name": ["", "A", "-a", ".a", "_a", "a b", "a/b", "../a", "é", "a\\n", "$(id)", "x" * 64],
    "time": [
        "", "now", "1700000000", "2026-11-23", "2026-02-29T00:00:00Z", "2026-11-23T24:00:00Z",
        "2026-11-23T06:41:12", "2026-11-23 06:41:12Z", "2026-11-23T06:41:12.345z",
    ],
    "token": [
        "", "0", "1.3.29", "0001.00000003", "0001.00000003.0000002A", "0001.00000003.00000029.",
        "0001.00000003.00000029.00000000000004d2", "0001.00000003.+0000029",
        "00001.00000003.00000029",
    ],
    "watches": [
        "", "1", "1.1", "1.1.", "1.1.0.0", "1.0.0", ".1.0", "01.1.0", "1.+1.0", "1.1.-1", "1.1.0,",
        ",1.1.0", "1.1.0,,2.1.0", "1.1.0, 2.1.0", "1.1.0,1.1.5", "1.65536.0", "a.1.0",
        "18446744073709551616.1.0", "1.1.1152921504606846977",
        ",".join(f"{i}.1.0" for i in range(9)),
    ],
    "versions": ["0", "01", "+1", "1-", "-1", "2-1", "1-2-3", "1.0", "one", "65536", "1--2"],
    "number": ["", "-1", "+1", "00", "01", "1.0", "1e3", "0x10", " 1", "1 ", "１", "٣", "nan"],
}


def quoted(value):
    return f'"{value}"'


def golden():
    lines = [t for file in GOLDEN for t in file.read_text().split("\n")]
    lines = [t for t in lines if t and not t.startswith("#")]
    return [(t[0], t[2:]) for t in lines]


def fields(line):
    """The fields of a good line, as they are written."""
    return re.findall(r' ([a-z][a-z0-9._-]*)=("(?:[^"\\]|\\.)*"|[^ ]+)', line)


def with_field(line, key, value):
    verb, rest = line.split(" ", 1)[0], [(k, v) for k, v in fields(line) if k != key]
    if value is not None:
        rest.append((key, value))
    return verb + "".join(f" {k}={v}" for k, v in rest)


def forbidden():
    points = list(range(0, 32)) + list(range(0x7F, 0xA0)) + [0x061C, 0x200E, 0x200F]
    points += list(range(0x2028, 0x202F)) + list(range(0x2066, 0x206A))
    points += list(range(0xFDD0, 0xFDF0))
    return points + [p * 0x10000 + e for p in range(17) for e in (0xFFFE, 0xFFFF)]


def grammar(good):
    short = [line for _, line in good if len(line) < 300]
    yield "empty", b""
    for size in (8_193, 8_194, 10_000):
        yield "tooLong", ("V" + " k=" + "x" * 4_000 + " l=" + "x" * 4_000).ljust(size, "x").encode()
    for bad in (b"\x80", b"\xbf", b"\xc0\x80", b"\xc1\xbf", b"\xc3", b"\xe0\x80\x80", b"\xe2\x82",
                b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xf0\x80\x80\x80", b"\xf0\x9f\x98",
                b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80", b"\xfe", b"\xff"):
        for number, line in enumerate(short[::5]):
            at = number * 7 % len(line)
            yield "notUTF8", line[:at].encode() + bad + line[at:].encode()
    for point in forbidden():
        letter = chr(point).encode()
        yield "forbiddenCharacter", b'NOTE code=tilt text="a' + letter + b'b"'
        yield "forbiddenCharacter", b"DONE order=1" + letter
    for code in list(range(0x20, 0x7F)) + [0xE9, 0x1F600]:
        if chr(code) not in '"\\nt':
            yield "forbiddenCharacter", f'NOTE code=tilt text="a\\{chr(code)}b"'.encode()
    for verb in ["note", "Note", "nOTE", "N0TE", "NOTE1", "1NOTE", "-NOTE", "_NOTE", "N_OTE", " ",
                 " NOTE", "=", "N=1", "NOTE=1", "NOTE:", "NOTE,", "\"NOTE\"", "ÑOTE", "ΝOTE", "N.E",
                 "/NOTE", "GET/", "V" * 33, "V" * 200, "\ufeffNOTE", "{\"a\":1}", "<a>", "#", "*1"]:
        yield "badVerb", verb.encode()
        yield "badVerb", f"{verb} order=1".encode()
    for tail in [" ", "  ", "  a=1", " a=1 ", " a", " a b=1", " =1", " =", " a=", " A=1", " aB=1",
                 " 1a=1", " -a=1", " .a=1", " _a=1", " a b", " a\\=1", " é=1", " a=é", " a=1\"",
                 " a=1\\n", " a=\"", " a=\"1", " a=\"1\\", " a=\"1\\\"", " a=\"1\"b", " a=\"1\"\"",
                 " a=\"1\"b=2", " a=\"1\" ", " \"a\"=1", " a==\"1\"", " a;b=1", " a= b=1"]:
        for verb in ("NOTE", "BEAT", "X"):
            yield "badField", (verb + tail).encode()
        yield "badField", (short[1] + tail).encode()
    for line in short:
        for key, value in fields(line)[:4]:
            yield "duplicateKey", f"{line} {key}={value}".encode()
    for count in (33, 34, 100):
        yield "tooManyFields", ("X" + "".join(f" k{i}=1" for i in range(count))).encode()
    for size in (33, 34, 200):
        yield "keyTooLong", f"X {'k' * size}=1".encode()
    for size in (4_097, 4_098, 5_000):
        yield "valueTooLong", f"X k={'v' * size}".encode()
        yield "valueTooLong", f'X k="{"v" * size}"'.encode()


def messages(good, speaker, table, other):
    for verb in sorted(set(other) - set(table)):
        line = next(text for who, text in good if who != speaker and text.startswith(verb + " "))
        yield "unknownVerb", line.encode()
    for verb in ["ASSIGN", "FENCE", "RUNS", "GET", "QUIT", "HELP", "HELLOO", "HELL", "X", "A-B"]:
        yield "unknownVerb", f"{verb} order=1".encode()
    for verb, known in table.items():
        line = next(text for who, text in good if who == speaker and text.startswith(verb + " "))
        yield from bad_fields(line, known)
    yield from payloads(good, speaker)
    if speaker == "A":
        line = next(text for _, text in good if "speaker=agent" in text)
        yield from bad_fields(line, {"incarnation": (U64, 1), "highest": ("token", 0)})


def payloads(good, speaker):
    """A payload that is not whole in its line, or is there where it must follow in parts."""
    verb, part = ("SUBMIT", "PIECE") if speaker == "A" else ("RUN", "PART")
    first = {v: next(t for who, t in good if who == speaker and t.startswith(v + " "))
             for v in (verb, part)}
    for size, data in [(0, 3), (1, 0), (1, 2), (2, 1), (3, 6), (1_536, 0), (1_536, 1_535),
                       (1_537, 1), (1_537, 1_536), (1_537, 1_537), (1_048_576, 1_536)]:
        line = with_field(first[verb], "payload", size) if size else first[verb]
        if data:
            line = with_field(line, "data", base64.b64encode(b"x" * data).decode())
        yield ("bad:data" if data else "missing:data"), line.encode()
    for at, data in [(1_048_575, 2), (1_048_574, 3), (1_048_576 - 3_071, 3_072), (0, 0)]:
        line = with_field(with_field(first[part], "at", at), "data", None)
        if data:
            line = with_field(line, "data", base64.b64encode(b"x" * data).decode())
        yield ("bad:data" if data else "missing:data"), line.encode()


def bad_fields(line, known):
    for key, (kind, required) in known.items():
        if required:
            yield f"missing:{key}", with_field(line, key, None).encode()
        is_number = isinstance(kind, (int, range))
        values = BAD["number" if is_number else kind]
        if is_number:
            greatest = kind if isinstance(kind, int) else kind[-1]
            values = values + [str(greatest + 1), str(greatest * 10 + 9), "9" * 40]
        if isinstance(kind, range):
            values = values + [str(kind[0] - 1)]
        for value in values:
            # An empty text is as good as a missing one, and only required texts are refused.
            reason = "missing" if kind == "text" or kind == "part" and not value else "bad"
            yield f"{reason}:{key}", with_field(line, key, quoted(value)).encode()


def write(name, entries):
    lines, seen = [], set()
    for reason, entry in entries:
        if entry not in seen:
            seen.add(entry)
            lines.append(f"{reason} {base64.b64encode(entry).decode()}".rstrip() + "\n")
    (OUT / name).write_text("".join(lines))
    print(f"{name}: {len(lines)}")


if __name__ == "__main__":
    OUT.mkdir(exist_ok=True)
    good = golden()
    write("grammar.txt", grammar(good))
    write("agent.txt", messages(good, "A", AGENT, CONTROLLER))
    write("controller.txt", messages(good, "C", CONTROLLER, AGENT))
