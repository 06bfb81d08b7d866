#!/usr/bin/env python3
"""What the demo's mail server has received: waits for it, and proves what it has to be.

    mails.py count FOLDER                     how many there are
    mails.py wait FOLDER AFTER KIND STATE     waits until one of that kind and state has come after the
                                              first AFTER ones, at most 30 s; prints it
    mails.py crossing FOLDER AFTER SITE       the mails after the first AFTER ones are those of one
                                              threshold: crossing, further loss, recovery, in one thread
    mails.py show FOLDER                      prints the last ten
    mails.py none FOLDER AFTER                there is none after the first AFTER ones

FOLDER is that of smtp-peer.py. Ends with 1 and says why when it is not so.
"""

import email
import email.policy
import json
import pathlib
import sys
import time


def mails(folder):
    file = pathlib.Path(folder) / "mails.jsonl"
    if not file.exists():
        return []
    found = []
    for line in file.read_bytes().splitlines():
        taken = json.loads(line)
        taken["mail"] = email.message_from_string(taken["message"], policy=email.policy.default)
        found.append(taken)
    return found


def show(taken):
    mail = taken["mail"]
    print(f"      to {', '.join(taken['to'])}: {mail['Subject']}")


def fail(text, found):
    print(f"error: {text}", file=sys.stderr)
    for taken in found:
        mail = taken["mail"]
        print(f"  {mail['X-Muster-Kind']} {mail['X-Muster-State']}: {mail['Subject']}", file=sys.stderr)
    sys.exit(1)


def is_of(taken, kind, state):
    kinds = [word.strip() for word in taken["mail"]["X-Muster-Kind"].split(",")]
    return kind in kinds and taken["mail"]["X-Muster-State"] == state


def wait(folder, after, kind, state):
    end = time.monotonic() + 30
    while True:
        found = [taken for taken in mails(folder)[after:] if is_of(taken, kind, state)]
        if found:
            return show(found[-1])
        if time.monotonic() > end:
            fail(f"no mail of {kind}, {state}, has come within 30 s; these have:", mails(folder)[after:])
        time.sleep(0.1)


def crossing(folder, after, site):
    every = mails(folder)[after:]
    found = [taken for taken in every if "site.below-minimum" in taken["mail"]["X-Muster-Kind"]]
    recipients = sorted({to for taken in found for to in taken["to"]})
    if len(recipients) != 2:
        fail(f"two are to be told, and {recipients} were", found)
    for recipient in recipients:
        own = [taken for taken in found if taken["to"] == [recipient]]
        states = [taken["mail"]["X-Muster-State"] for taken in own]
        if states != ["firing", "firing", "resolved"]:
            fail(f"{recipient} got {states}: not a crossing, a further loss and a recovery", own)
        first = own[0]["mail"]["Message-ID"]
        if any(first not in (taken["mail"]["References"] or "") for taken in own[1:]):
            fail("the later ones are not in the thread of the first", own)
        if len({taken["mail"]["Message-ID"] for taken in own}) != 3:
            fail("two mails have one Message-ID", own)
        for taken in own:
            mail = taken["mail"]
            if not taken["tls"] or taken["user"] != "muster":
                fail("it came without TLS, or without a login", [taken])
            parts = {part.get_content_type() for part in mail.walk()}
            if not {"text/plain", "text/html"} <= parts:
                fail(f"its parts are {parts}", [taken])
            if site not in mail["Subject"]:
                fail(f"its subject does not name site {site}", [taken])
    others = [taken for taken in every if not any(taken is one for one in found)]
    if others:
        fail("nodes of the site were told by mails of their own", others)
    print(found[0]["mail"].get_body(("plain",)).get_content())


def main():
    verb, folder, *rest = sys.argv[1:]
    after = int(rest[0]) if rest else 0
    if verb == "show":
        for taken in mails(folder)[-10:]:
            show(taken)
            print(taken["mail"].get_body(("plain",)).get_content())
    elif verb == "count":
        print(len(mails(folder)))
    elif verb == "wait":
        wait(folder, after, *rest[1:])
    elif verb == "crossing":
        crossing(folder, after, *rest[1:])
    elif verb == "none":
        found = mails(folder)[after:]
        if found:
            fail(f"{len(found)} mails have come", found)
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
