#!/usr/bin/env python3
"""The quickstart's tasks: submits them in three ways, and proves from the record what became of them.

    tasks.py lines COUNT SEED                 tasks as `muster task submit --file` reads them
    tasks.py interface URL CREDENTIALS COUNT  submits by the HTTPS interface, prints the numbers
    tasks.py socket PATH COUNT                submits by an agent's socket, prints the numbers
    tasks.py prove RECORD LEDGER ACCEPTED     RECORD: `task list -o json`; ACCEPTED: numbers, one a line
    tasks.py policy NAME RECORD FIRST [NODE]  what a policy says of the tasks from number FIRST on

Only the standard library. Exit 0 when everything is as it should be, 1 with the difference.
"""
import collections
import http.client
import json
import os
import random
import socket
import ssl
import sys
from urllib.parse import urlparse

TYPES = ["PUSH", "PULL", "PGP", "FM_TRIGGERED", "MAINTENANCE"]
WEIGHTS = [6, 6, 4, 3, 1]
# What may run twice, and what must not, as deploy/demo/make-handlers defines the handlers.
AT_MOST_ONCE = {"MAINTENANCE"}


def tasks(count, seed):
    chance = random.Random(seed)
    for number in range(count):
        task = {
            "type": chance.choices(TYPES, WEIGHTS)[0],
            "account": f"account-{chance.randrange(40)}",
            "priority": chance.choice([3, 5, 5, 5, 8]),
            "payload": f"payload {seed}/{number} \u00e4\n" * chance.choice([1, 1, 1, 200]),
            "key": f"quickstart/{seed}/{number}",
        }
        if number % 25 == 0:
            task["exclusiveKey"] = f"partner-{chance.randrange(4)}"
            task["ordered"] = True
        yield task


def submit_by_interface(url, credentials, count):
    context = ssl.create_default_context(cafile=os.path.join(credentials, "ca.pem"))
    context.load_cert_chain(os.path.join(credentials, "credential.pem"))
    place = urlparse(url)
    link = http.client.HTTPSConnection(place.hostname, place.port, context=context, timeout=60)
    body = "\n".join(json.dumps(task) for task in tasks(count, "interface")).encode()
    link.request(
        "POST", "/api/v1/tasks/batch", body, {"Content-Type": "application/x-ndjson"}
    )
    answer = link.getresponse()
    said = json.loads(answer.read())
    if answer.status != 200 or said["refused"]:
        sys.exit(f"the interface answered {answer.status}: {json.dumps(said)[:400]}")
    for one in said["answers"]:
        print(one["id"])


def submit_by_socket(path, count):
    link = socket.socket(socket.AF_UNIX)
    link.connect(path)
    answers = link.makefile()
    for task in tasks(count, "socket"):
        payload = task["payload"].encode()
        line = f"SUBMIT type={task['type']} account={task['account']} priority={task['priority']}"
        line += f" key={task['key']}"
        if "exclusiveKey" in task:
            line += f" exclusive={task['exclusiveKey']} ordered=yes"
        link.sendall(f"{line} payload={len(payload)}\n".encode() + payload)
        answer = answers.readline()
        if not answer.startswith("ACCEPTED task="):
            sys.exit(f"the socket answered: {answer}")
        print(answer.split("task=")[1].split()[0])


def read_record(path):
    with open(path) as file:
        said = json.load(file)
    rows = said["tasks"] if isinstance(said, dict) else said
    return {row["id"]: row for row in rows}


def prove(record_path, ledger_path, accepted_path):
    record = read_record(record_path)
    with open(accepted_path) as file:
        accepted = [int(line) for line in file if line.strip()]
    runs = collections.defaultdict(list)
    with open(ledger_path) as file:
        for line in file:
            task, attempt, kind, node, account = line.split()
            runs[int(task)].append((int(attempt), kind, node))
    wrong = []
    if len(set(accepted)) != len(accepted):
        wrong.append("a number was given to two tasks")
    for number in accepted:
        row = record.get(number)
        if row is None:
            wrong.append(f"task {number} was accepted and is not in the record")
            continue
        if row["state"] != "done":
            wrong.append(f"task {number} is {row['state']}")
        ran = runs[number]
        if not ran and row["type"] not in AT_MOST_ONCE:
            wrong.append(f"task {number} is done and never ran")
        attempts = [attempt for attempt, _, _ in ran]
        if len(set(attempts)) != len(attempts):
            wrong.append(f"an attempt of task {number} was started twice: {attempts}")
        if row["type"] in AT_MOST_ONCE and len(ran) > 1:
            wrong.append(f"task {number} ran {len(ran)} times and may run once")
        if ran and max(attempts) > row["attempt"]:
            wrong.append(f"task {number} ran in an attempt that the record does not know")
    strangers = set(runs) - set(record)
    if strangers:
        wrong.append(f"{len(strangers)} tasks ran that the record does not know")
    twice = sum(1 for number in accepted if len(runs[number]) > 1)
    again = sum(1 for number in accepted if record.get(number, {}).get("attempt", 0) > 1)
    kinds = collections.Counter(record[n]["type"] for n in accepted if n in record)
    print(f"{len(accepted)} accepted, {len(accepted) - len(wrong)} as they should be; "
          f"{again} were given out more than once, {twice} ran more than once")
    print("of " + ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())))
    if wrong:
        sys.exit("\n".join(wrong[:20]))


def policy(name, record_path, first, node=None):
    rows = [row for row in read_record(record_path).values() if row["id"] >= first]
    wrong = [f"task {row['id']} is {row['state']}" for row in rows if row["state"] != "done"]
    counts = collections.Counter(row.get("node") for row in rows)
    rules = collections.Counter(row.get("rule") for row in rows)
    if name == "account-affinity":
        homes = collections.defaultdict(set)
        for row in rows:
            if row.get("rule") == "home":
                homes[row["account"]].add(row["node"])
        wrong += [f"{a} has the homes {sorted(n)}" for a, n in homes.items() if len(n) > 1]
        if not homes:
            wrong.append(f"no task went to its account's home: {dict(rules)}")
    elif name == "round-robin":
        if max(counts.values()) - min(counts.values()) > len(rows) // 10 or len(counts) < 2:
            wrong.append(f"the nodes did not take turns: {dict(counts)}")
    elif name == "attribute-match":
        if set(counts) != {node} or set(rules) != {"attribute-match"}:
            wrong.append(f"not all went to {node}: {dict(counts)} by {dict(rules)}")
    elif name == "least-loaded":
        if set(rules) != {"least-loaded"} or len(counts) < 2:
            wrong.append(f"not by load: {dict(counts)} by {dict(rules)}")
    print(f"{name}: {len(rows)} tasks, "
          + ", ".join(f"{n} {c}" for n, c in sorted(counts.items(), key=str)))
    if wrong:
        sys.exit("\n".join(wrong[:20]))


def main():
    verb, *rest = sys.argv[1:] or [""]
    if verb == "lines":
        for task in tasks(int(rest[0]), rest[1]):
            print(json.dumps(task))
    elif verb == "interface":
        submit_by_interface(rest[0], rest[1], int(rest[2]))
    elif verb == "socket":
        submit_by_socket(rest[0], int(rest[1]))
    elif verb == "prove":
        prove(*rest)
    elif verb == "policy":
        policy(rest[0], rest[1], int(rest[2]), *rest[3:])
    else:
        sys.exit(__doc__)


main()
