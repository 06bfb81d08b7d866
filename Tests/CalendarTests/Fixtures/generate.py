#!/usr/bin/env python3
"""Writes what the tests compare with: zone files, and what two other implementations say of them.

    generate.py ZONE_FOLDER     e.g. the output of `zic -b slim -d FOLDER tzdata.zi`

offsets.txt  zone, seconds since 1970, offset, daylight flag, abbreviation; by the C library, and by
             Python's zoneinfo, which must agree before a line is written.
locals.txt   zone, local time, and `one S`, `gap S BEFORE AFTER` or `twice S S`; by zoneinfo's `fold`.
cron.txt     expression, start, and the next three firings in UTC; by croniter (pip install croniter).

The tests need none of them installed: run this again only to add to the fixtures, and look at the diff.
"""
import datetime
import os
import pathlib
import random
import shutil
import sys
import time
import zoneinfo

HERE = pathlib.Path(__file__).parent
ZONES = [
    "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu",
    "America/Sao_Paulo", "Africa/Casablanca", "Pacific/Apia", "UTC", "Europe/Dublin",
    "Antarctica/Troll", "America/Nuuk", "Asia/Gaza",
]
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def civil(seconds, zone):
    return (EPOCH + datetime.timedelta(seconds=seconds)).astimezone(zone)


def offset(moment):
    return int(moment.utcoffset().total_seconds())


def changes(zone):
    """Each second at which the offset changes, 1900 to 2099, found by bisection of days."""
    found = []
    day = -2208988800
    while day < 4102444800:
        low, high = day, day + 86400
        if offset(civil(low, zone)) != offset(civil(high, zone)):
            while high - low > 1:
                middle = (low + high) // 2
                if offset(civil(middle, zone)) == offset(civil(low, zone)):
                    low = middle
                else:
                    high = middle
            found.append(high)
        day += 86400
    return found


def instants(local, zone):
    early, late = (local.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    first, second = (int((m.astimezone(datetime.timezone.utc) - EPOCH).total_seconds()) for m in (early, late))
    if first == second:
        return f"one {first}"
    if first < second:
        return f"twice {first} {second}"
    low, high = second, first
    # A gap: `fold` gives the moments by the offset before (later) and the offset after (earlier).
    while high - low > 1:
        middle = (low + high) // 2
        if offset(civil(middle, zone)) == offset(early):
            low = middle
        else:
            high = middle
    return f"gap {high} {offset(early)} {offset(late)}"


def write_zones(folder):
    rng = random.Random(1)
    offsets, locals_ = [], []
    for name in ZONES:
        target = HERE / "Zones" / (name.replace("/", "-") + ".tzif")
        shutil.copyfile(pathlib.Path(folder) / name, target)
        with open(target, "rb") as file:
            zone = zoneinfo.ZoneInfo.from_file(file, key=name)
        os.environ["TZ"] = ":" + str(target.resolve())
        time.tzset()
        marks = changes(zone)
        marks = rng.sample(marks, min(len(marks), 45)) + [m for m in marks if m > 2145916800][:10]
        moments = {m + d for m in marks for d in (-1, 0)}
        moments |= {rng.randrange(-2208988800, 4102444800) for _ in range(60)}
        for second in sorted(moments):
            here, there = time.localtime(second), civil(second, zone)
            assert here.tm_gmtoff == offset(there), (name, second)
            assert here.tm_zone == there.tzname(), (name, second)
            offsets.append(
                f"{name} {second} {here.tm_gmtoff} {here.tm_isdst} {here.tm_zone}"
            )
        for mark in marks:
            before = civil(mark - 1, zone).replace(tzinfo=None, fold=0)
            for delta in (-1800, 0, 1, 1799, 3600):
                local = before + datetime.timedelta(seconds=delta)
                locals_.append(f"{name} {local.isoformat()} {instants(local, zone)}")
    (HERE / "offsets.txt").write_text("\n".join(offsets) + "\n")
    (HERE / "locals.txt").write_text("\n".join(sorted(set(locals_))) + "\n")
    shutil.copyfile(
        "/usr/share/zoneinfo/Europe/Berlin", HERE / "Zones" / "Europe-Berlin.fat.tzif"
    )


def write_cron():
    import croniter

    rng = random.Random(2)

    def field(low, high):
        kind = rng.randrange(6)
        first, second = sorted(rng.randrange(low, high + 1) for _ in range(2))
        if kind < 2:
            return "*"
        if kind == 2:
            return str(first)
        if kind == 3:
            return f"{first}-{second}" if first < second else str(first)
        if kind == 4:
            return f"*/{rng.randrange(2, 1 + (high - low + 1) // 2)}"
        return ",".join(sorted({str(rng.randrange(low, high + 1)) for _ in range(3)}))

    lines = []
    special = ["L", "*", "*", "*"]
    numbered = ["MON#2", "5#5", "sun#1", "L5", "MON-FRI"]
    while len(lines) < 400:
        day = rng.choice(special) if rng.random() < 0.2 else field(1, 31)
        weekday = rng.choice(numbered) if rng.random() < 0.2 else field(0, 6)
        text = f"{field(0, 59)} {field(0, 23)} {day} {field(1, 12)} {weekday}"
        start = rng.randrange(0, 4000000000)
        # croniter takes a `*/n` for every day, and demands both of `MON#2` and a day of the month;
        # we take `*/n` for a restriction, and either of two restrictions is enough.
        if day.startswith("*/") or weekday.startswith("*/"):
            continue
        if day != "*" and ("#" in weekday or "L" in weekday):
            continue
        try:
            cron = croniter.croniter(text, EPOCH + datetime.timedelta(seconds=start))
            firings = [int(cron.get_next(float)) for _ in range(3)]
        except croniter.CroniterError:
            continue
        ours = text.replace("L5", "5L")
        lines.append(f"{ours}|{start}|{' '.join(map(str, firings))}")
    (HERE / "cron.txt").write_text("\n".join(lines) + "\n")


write_zones(sys.argv[1])
write_cron()
