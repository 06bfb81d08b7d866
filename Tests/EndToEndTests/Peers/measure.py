"""The load of this machine, from /proc."""
import os
import pathlib
import re
import time


def figures(path):
    """Numbers by name from files such as /proc/meminfo."""
    found = {}
    for line in pathlib.Path(path).read_text().splitlines():
        words = line.replace(":", " ").split()
        if len(words) > 1 and words[1].isdigit():
            found[words[0]] = int(words[1])
    return found


class Sampler:
    def __init__(self):
        self.before = self.count()

    @staticmethod
    def count():
        ticks = [int(w) for w in pathlib.Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]
        received = sent = 0
        for line in pathlib.Path("/proc/net/dev").read_text().splitlines()[2:]:
            name, rest = line.split(":", 1)
            if name.strip() != "lo":
                received += int(rest.split()[0])
                sent += int(rest.split()[8])
        return sum(ticks), ticks[3] + ticks[4], received, sent, time.monotonic()

    @staticmethod
    def pressure(what):
        try:
            text = pathlib.Path(f"/proc/pressure/{what}").read_text()
            return min(1000, round(float(re.search(r"some avg10=([0-9.]+)", text)[1]) * 10))
        except (OSError, TypeError):
            return None

    def fields(self, disks):
        now, before = self.count(), self.before
        self.before = now
        total = max(1, now[0] - before[0])
        seconds = max(0.001, now[4] - before[4])
        memory = figures("/proc/meminfo")
        averages = pathlib.Path("/proc/loadavg").read_text().split()[:3]
        loads = [int(float(average) * 1000) for average in averages]
        busy = 1000 - (now[1] - before[1]) * 1000 // total
        return (
            ("cpus", len(os.sched_getaffinity(0))), ("cpu", min(1000, max(0, busy))),
            ("load1", loads[0]), ("load5", loads[1]), ("load15", loads[2]),
            ("mem", memory["MemTotal"] * 1024), ("mem-free", memory["MemAvailable"] * 1024),
            ("swap", memory["SwapTotal"] * 1024),
            ("swap-used", (memory["SwapTotal"] - memory["SwapFree"]) * 1024),
            ("psi-cpu", self.pressure("cpu")), ("psi-mem", self.pressure("memory")),
            ("psi-io", self.pressure("io")),
            ("net-in", int(max(0, now[2] - before[2]) / seconds)),
            ("net-out", int(max(0, now[3] - before[3]) / seconds)),
            ("uptime", int(float(pathlib.Path("/proc/uptime").read_text().split()[0]))),
            ("disks", disks),
        )


def boot_clock():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def wall():
    now = time.time_ns() // 1_000_000
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now // 1000)) + f".{now % 1000:03d}Z"


def read_text(path):
    try:
        return pathlib.Path(path).read_text().strip()
    except OSError:
        return ""
