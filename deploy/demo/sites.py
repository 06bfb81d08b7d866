#!/usr/bin/env python3
"""What the quickstart proves of its sites.

    sites.py effects LEDGER          no two sites acted at once, and every epoch was of one site
    sites.py report REPORT KIND      REPORT: `muster run report N --format json`; says how long it took
    sites.py accounted REPORT RECORD every task of the report's ledger has an end in the record

Only the standard library. Exit 0 when everything is as it should be, 1 with the difference.
"""
import collections
import json
import sys


def effects(path):
    """Lines in the order in which they were done: SITE TOKEN, a token being G.E.SESSION in hex."""
    highest = (0, 0)
    owners = {}
    counts = collections.Counter()
    drills = collections.Counter()
    changes = []
    with open(path) as file:
        for number, line in enumerate(file, 1):
            site, token = line.split()
            epoch = tuple(int(part, 16) for part in token.split(".")[:2])
            if epoch[0] == 0:
                # A drill: its token is less than every token of production.
                drills[site] += 1
                continue
            if epoch < highest:
                sys.exit(f"line {number}: {site} acted under {epoch} after {highest}")
            if owners.setdefault(epoch, site) != site:
                sys.exit(f"line {number}: {site} acted under epoch {epoch} of {owners[epoch]}")
            if epoch > highest:
                changes.append(f"{epoch[0]}.{epoch[1]} {site}")
            highest = epoch
            counts[site] += 1
    total = sum(counts.values())
    print(f"{total} effects under {len(owners)} epochs ({', '.join(changes)}), never two sites at "
          f"once; {sum(drills.values())} effects of drills, all isolated")
    if len(owners) < 4 or not drills:
        sys.exit("there should have been a drill and four epochs")


def report(path, kind):
    with open(path) as file:
        said = json.load(file)
    run = said["run"]
    if run["kind"] != kind or said["verdict"] != "passed":
        sys.exit(f"run {run['id']} is a {run['kind']} and {said['verdict']}: {said['verdictText']}")
    times = {key.removesuffix("Milliseconds"): f"{value / 1000:.1f}s"
             for key, value in said["times"].items() if value}
    print(f"{kind} {run['from']} to {run['to']}: "
          + ", ".join(f"{key} {value}" for key, value in times.items())
          + f"; proven: {', '.join(fence['node'] + ' by ' + (fence['proof'] or '?') for fence in said['fences'])}")


def accounted(path, record):
    with open(path) as file:
        said = json.load(file)
    with open(record) as file:
        rows = json.load(file)
    rows = rows["tasks"] if isinstance(rows, dict) else rows
    ended = {row["id"]: row for row in rows}
    ledger = said["ledger"]
    wrong = [f"task {entry['task']} was in flight and has no end"
             for entry in ledger if entry["task"] not in ended]
    kinds = collections.Counter(entry["fate"] for entry in ledger)
    print(f"{len(ledger)} tasks were in flight: "
          + ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())))
    if wrong:
        sys.exit("\n".join(wrong[:20]))


def main():
    verb, *rest = sys.argv[1:] or [""]
    if verb == "effects":
        effects(*rest)
    elif verb == "report":
        report(*rest)
    elif verb == "accounted":
        accounted(*rest)
    else:
        sys.exit(__doc__)


main()
