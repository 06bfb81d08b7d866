"""What the recipes share: their configuration, tokens with a durable maximum, programs without a shell.

Standard library only. Exit statuses of all recipes: 0 done, or yes; 1 failed, or no; 2 it is not known;
3 refused (a lower epoch, the wrong site); 64 wrong arguments or configuration.
"""

import configparser
import contextlib
import fcntl
import os
import re
import subprocess
import sys
import time

TEXT_MAX = 200
_TOKEN = re.compile(r"[0-9a-f]{4}\.[0-9a-f]{8}\.[0-9a-f]{8}(\.[0-9a-f]{16}\.[0-9a-f]{4})?")
_EPOCH = re.compile(r"(0|[1-9][0-9]{0,4})\.(0|[1-9][0-9]{0,9})")


class Problem(Exception):
    """What ends a recipe, with the exit status that says how."""

    status = 1


class Unclear(Problem):
    status = 2


class Refused(Problem):
    status = 3


class Usage(Problem):
    status = 64


# --- Tokens ----------------------------------------------------------------------------------------


def parse_token(text):
    """`1.4`, an epoch, or a whole token: a tuple of numbers that compares as tokens do."""
    text = text.strip()
    if match := _EPOCH.fullmatch(text):
        parts = (int(match[1]), int(match[2]))
    elif _TOKEN.fullmatch(text):
        parts = tuple(int(part, 16) for part in text.split("."))
    else:
        raise Usage(f"{text[:80]!r} is neither an epoch such as 1.4 nor a token")
    if parts[0] > 0xFFFF or parts[1] > 0xFFFFFFFF:
        raise Usage(f"{text} is beyond the greatest epoch")
    return parts


def epoch_of(text):
    return parse_token(text)[:2]


def epoch_text(epoch):
    return f"{epoch[0]}.{epoch[1]}"


def durable_write(path, text, mode=0o644):
    """Replaces a file; when this returns, neither a crash nor a power cut can take it back."""
    temporary = f"{path}.new"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    sync_folder(os.path.dirname(path))


def durable_remove(path):
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
        sync_folder(os.path.dirname(path))


def sync_folder(path):
    descriptor = os.open(path or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_text(path, otherwise=None):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read(4096).strip()
    except FileNotFoundError:
        return otherwise


@contextlib.contextmanager
def at_or_above(path, token, epoch_only=False):
    """Holds the lock of `path` while the body acts under `token`, and refuses a lower one than was ever
    let pass. The greatest is durable before the body begins, so that nothing lower follows it."""
    shown = parse_token(token)
    if epoch_only:
        shown = shown[:2]
    if shown[0] == 0:
        raise Refused(f"{token} is of a drill; nothing of production takes it")
    lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        known = read_text(path)
        if known:
            greatest = parse_token(known)
            if epoch_only:
                greatest = greatest[:2]
            if shown < greatest:
                raise Refused(f"{token} is less than {known}, which {path} has seen")
        if not known or shown > greatest:
            durable_write(path, token.strip() + "\n")
        yield lock
    finally:
        os.close(lock)


# --- Context and configuration ---------------------------------------------------------------------


def variable(name):
    value = os.environ.get(name, "")
    if not value:
        raise Usage(f"{name} is not set; Muster sets it for hooks, handlers and services")
    return value


def own_site(configured):
    """The site by the configuration; what Muster says of the node must agree."""
    told = os.environ.get("MUSTER_SITE")
    if told and told != configured:
        raise Usage(f"site = {configured}, but this node is of site {told}: mend the configuration")
    return configured


class Configuration:
    """A file of sections and keys. Every key is asked for by name; one that nobody knows is a mistake."""

    def __init__(self, path, section, keys, sections=()):
        parser = configparser.ConfigParser(interpolation=None, delimiters=("=",), strict=True)
        parser.optionxform = str
        try:
            with open(path, encoding="utf-8") as file:
                parser.read_file(file)
        except (OSError, configparser.Error) as problem:
            raise Usage(f"{path}: {problem}".replace("\n", " "))
        if section not in parser:
            raise Usage(f"{path}: there is no section [{section}]")
        for name in parser.sections():
            if name != section and name not in sections:
                raise Usage(f"{path}: [{name}] is not a section; known: {section} {' '.join(sections)}")
        self.path = path
        self.values = dict(parser[section])
        self.sections = {name: dict(parser[name]) for name in sections if name in parser}
        for key in self.values:
            if key not in keys and key.split(".")[0] + "." not in keys:
                raise Usage(f"{path}: {key} is not a key of [{section}]; known: {', '.join(keys)}")

    def text(self, key, otherwise=None):
        value = self.values.get(key, otherwise)
        if value is None or value == "":
            raise Usage(f"{self.path}: {key} must be given")
        return value

    def path_of(self, key, otherwise=None):
        value = self.text(key, otherwise)
        if not value.startswith("/") or ".." in value.split("/"):
            raise Usage(f"{self.path}: {key} = {value} is not an absolute path")
        return value.rstrip("/")

    def number(self, key, otherwise, least, most):
        value = self.values.get(key, str(otherwise))
        if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,3})?", value) or not least <= float(value) <= most:
            raise Usage(f"{self.path}: {key} = {value} is not a number from {least} to {most}")
        return float(value) if "." in value else int(value)

    def prefixed(self, prefix):
        return {
            key[len(prefix) :]: value for key, value in self.values.items() if key.startswith(prefix)
        }


# --- Programs --------------------------------------------------------------------------------------


def run(argv, stdin=None, timeout=60, environment=None, accept=(0,)):
    """Runs a program to its end, without a shell, and returns what it wrote to standard output."""
    try:
        done = subprocess.run(
            argv,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=timeout,
            env={**os.environ, **(environment or {})},
        )
    except FileNotFoundError:
        raise Problem(f"{argv[0]} is not there; install its package")
    except subprocess.TimeoutExpired:
        raise Problem(f"{os.path.basename(argv[0])} did not end within {timeout} s")
    if done.returncode not in accept:
        said = (done.stderr or done.stdout).strip().splitlines()[-3:]
        raise Problem(
            f"{os.path.basename(argv[0])} ended with {done.returncode}: {' / '.join(said)}"
        )
    return done.stdout


def wait_until(condition, limit, what, pause=0.1):
    end = time.monotonic() + limit
    while not (value := condition()):
        if time.monotonic() >= end:
            raise Problem(f"{what}: not within {limit} s")
        time.sleep(pause)
    return value


def canary_from_input():
    """The token of a canary, by its contract: in MUSTER_CANARY, and on standard input."""
    token = os.environ.get("MUSTER_CANARY") or sys.stdin.readline()
    token = token.strip()
    if not token or len(token) > TEXT_MAX or not token.isprintable():
        raise Usage("a canary is one line of 1 to 200 printable characters")
    return token


def say(text):
    print(text, flush=True)


def log(text):
    print(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {text}", file=sys.stderr, flush=True)


def main(body):
    """Runs a recipe's body and turns problems into a line and an exit status."""
    name = os.path.basename(sys.argv[0])
    try:
        status = body()
    except Problem as problem:
        print(f"{name}: {problem}", file=sys.stderr, flush=True)
        sys.exit(problem.status)
    except OSError as problem:
        print(f"{name}: {problem}", file=sys.stderr, flush=True)
        sys.exit(1)
    sys.exit(status or 0)
