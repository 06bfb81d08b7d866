"""What the tests of the recipes share: installed recipes, a cluster of real programs, and waiting."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

sys.dont_write_bytecode = True
FOLDER, PROGRAMS, PROJECT = sys.argv[1:4]
ROOT = FOLDER + "/root"
SHARE = ROOT + "/usr/share/muster"
RECIPES = SHARE + "/recipes"
CLEAN = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}


def say(text):
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def expect(condition, what):
    if not condition:
        raise SystemExit(f"NOT SO: {what}")
    say(f"ok: {what}")


def needs(**programs):
    """Programs and the packages that they are of: without them the test fails, and says what to do."""
    for package, path in programs.items():
        if not os.access(path, os.X_OK):
            raise SystemExit(f"{path} is missing: apt-get install {package.replace('_', '-')} (Tests/install)")
    if os.geteuid() != 0:
        raise SystemExit("the tests of the recipes run as root")


def install():
    """The recipes, as `deploy/install` puts them; below the folder, as on a machine of their own."""
    os.chmod(FOLDER, 0o711)
    run([
        PROJECT + "/deploy/install", "--agent", "--controller", "--console", "--root", ROOT,
        "--from", PROGRAMS,
    ])


def run(argv, status=0, input=None, timeout=120, user=None, **variables):
    """Runs a program to its end; its output. Another status than the one expected fails the test."""
    if user:
        argv = ["/usr/sbin/runuser", "-u", user, "--", *argv]
    done = subprocess.run(
        argv, input=input, stdin=subprocess.DEVNULL if input is None else None, capture_output=True,
        text=True, timeout=timeout, env={**CLEAN, **variables}, cwd="/",
    )
    if status is not None and done.returncode != status:
        raise SystemExit(
            f"{' '.join(argv)} ended with {done.returncode}, expected {status}\n{done.stdout}{done.stderr}"
        )
    return done.stdout + done.stderr


def start(argv, log, user=None, **variables):
    if user:
        argv = ["/usr/sbin/runuser", "-u", user, "--", *argv]
    file = open(f"{FOLDER}/{log}.log", "a")
    return subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, env={**CLEAN, **variables},
        cwd="/",
    )


def await_(what, condition, limit=60):
    end = time.monotonic() + limit
    while not (value := condition()):
        if time.monotonic() >= end:
            raise SystemExit(f"awaited in vain for {limit} s: {what}")
        time.sleep(0.05)
    say(f"ok: {what}")
    return value


_ports = set()


def port():
    """A TCP port that nobody listens on, below those that the kernel gives to connections."""
    while True:
        number = 20000 + int.from_bytes(os.urandom(2), "big") % 12000
        if number in _ports:
            continue
        _ports.add(number)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", number))
                return number
            except OSError:
                continue


def write(path, text, mode=0o644):
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, mode)


def read(path):
    with open(path) as file:
        return file.read()


def shipped(path, changes):
    """A file of a recipe, with the places and ports of this test; each change must find something."""
    text = read(f"{RECIPES}/{path}")
    for old, new in {"/usr/share/muster": SHARE, **changes}.items():
        if old != "/usr/share/muster" and not re.search(old, text, re.M):
            raise SystemExit(f"{path} does not say {old}")
        text = re.sub(old, new, text, flags=re.M)
    return text


def processes(text):
    """Those that name a text in their command line, or work in a folder of that name."""
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        try:
            line = open(f"/proc/{entry}/cmdline", "rb").read().decode(errors="replace")
            if text in line or text in os.readlink(f"/proc/{entry}/cwd"):
                found.append(int(entry))
        except OSError:
            continue
    return found


def power_cut(text):
    """Kills all that works in a folder, at once, until nothing is left."""
    while left := processes(text):
        for process in left:
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.01)


class Cluster:
    """A controller with site north, and the command `muster`."""

    def __init__(self, settings):
        self.agents = port()
        self.console = port()
        self.settings = f"{FOLDER}/controller.yaml"
        write(
            self.settings,
            f'state-directory: {FOLDER}/controller\nagents: {{listen: ["127.0.0.1:{self.agents}"]}}\n'
            f'console: {{listen: ["127.0.0.1:{self.console}"]}}\n'
            "flap: {hold: 1s, hold-max: 2s}\n"
            "lease: {length: 6s, heartbeat: 1s, stop: 800ms, pause: 700ms, drift-ppm: 10000, wait: 7700ms}\n"
            + settings,
        )
        program = f"{PROGRAMS}/muster-controller"
        run([program, "init", "--config", self.settings, "--name", "recipes", "--site", "north"])
        start([program, "run", "--config", self.settings], "controller")
        await_("the controller answers", lambda: "north" in self.muster("site", "list", status=None))
        self.muster("site", "add", "south")
        self.muster("policy", "overload", "--load", "off", "--memory", "off", "--reason", "one machine")

    def muster(self, *words, status=0, timeout=120):
        return run(
            [f"{PROGRAMS}/muster", *words], status, timeout=timeout,
            MUSTER_CONFIG_DIR=f"{FOLDER}/console", MUSTER_CONTEXT=f"{FOLDER}/controller/admin",
        )

    def node(self, name, site, files):
        """Writes a node's files and lets it join; it is not started."""
        home = f"{FOLDER}/{name}"
        for path, text in files.items():
            write(f"{home}/{path}", text)
        for folder in ("services.d", "handlers.d"):
            os.makedirs(f"{home}/{folder}", exist_ok=True)
        write(
            f"{home}/agent.conf",
            f"[agent]\ncontrollers = 127.0.0.1:{self.agents}\nname = {name}\nstate-directory = {home}/state\n"
            f"run-directory = {home}/run\nleash = {PROGRAMS}/muster-leash\ncgroup = off\n"
            + files.get("agent.further", ""),
        )
        token = self.muster("token", "create", "--site", site, "--reason", "test").split()
        token = next(word for word in token if len(word) > 60)
        run([f"{PROGRAMS}/muster-agent", "join", "--config", f"{home}/agent.conf", "--token", token])

    def start(self, name):
        start([f"{PROGRAMS}/muster-agent", "run", "--config", f"{FOLDER}/{name}/agent.conf"], f"agent-{name}")

    def is_online(self, name):
        return re.search(rf"^{name}\s.*\bOnline\b", self.muster("node", "list", status=None), re.M)

    def online(self, name):
        await_(f"{name} is Online", lambda: self.is_online(name))

    def move(self, *words):
        """A run to its good end; its whole output."""
        said = self.muster(*words, "--yes", "--reason", "a test", status=None, timeout=170)
        number = max(map(int, re.findall(r"(?m)^\s*([0-9]+)\s", self.muster("run", "list"))), default=0)
        report = self.muster("run", "report", str(number), status=None)
        if "**PASSED**" not in report:
            raise SystemExit(f"{' '.join(words)} did not pass:\n{said}\n{report}")
        say(f"ok: {' '.join(words)}: passed")
        return report


def ended(body):
    """Runs a test; whatever becomes of it, nothing of it is left running."""
    try:
        body()
        say("PASSED")
    except BaseException:
        for name in sorted(os.listdir(FOLDER)):
            if name.endswith(".log"):
                text = read(f"{FOLDER}/{name}").splitlines()[-25:]
                print(f"--- {name}", *text, sep="\n", flush=True)
        raise
    finally:
        power_cut(FOLDER + "/")


__all__ = [name for name in dir() if not name.startswith("__")]
