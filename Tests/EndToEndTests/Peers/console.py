#!/usr/bin/env python3
"""Clients of the console's interface that do not behave.

    console.py silent ADDRESS COUNT SOURCE [--shake CA]
        Connects COUNT times from SOURCE, says nothing (with --shake: nothing after the handshake),
        and prints after how many seconds each connection was closed.
    console.py slow ADDRESS COUNT CA CREDENTIAL...
        Sends COUNT requests with each credential, whose bodies never come, prints `open`, then the
        status of each answer.
    console.py batches ADDRESS COUNT CA CREDENTIAL
        Begins COUNT batches of tasks that never end, prints the status of each that is answered
        within two seconds, and `waits` for each other; then waits for a line on standard input.
    console.py held ADDRESS COUNT SOURCE CA CREDENTIAL
        Makes COUNT connections from SOURCE, prints how many of them are answered, and waits likewise.
    console.py repeat ADDRESS COUNT CA CREDENTIAL|- METHOD PATH [BODY]
        Asks the same COUNT times on one connection, and prints each status with how often it came.
    console.py kept ADDRESS CA CREDENTIAL
        Prints the status of a request, waits for a line on standard input, and prints the status of
        a second request on the same connection.
"""

import http.client
import select
import socket
import ssl
import sys
import time


def endpoint(text):
    host, port = text.rsplit(":", 1)
    return host, int(port)


def context(ca, credential=None):
    made = ssl.create_default_context(cafile=ca)
    made.check_hostname = False
    if credential:
        made.load_cert_chain(credential)
    return made


def connect(address, source=None, wrap=None):
    plain = socket.create_connection(
        endpoint(address), timeout=20, source_address=(source, 0) if source else None
    )
    return wrap.wrap_socket(plain) if wrap else plain


def silent(address, count, source, ca=None):
    wrap = context(ca) if ca else None
    begun = time.monotonic()
    opened = {}
    for _ in range(int(count)):
        try:
            opened[connect(address, source, wrap)] = time.monotonic()
        except OSError:
            print(f"{time.monotonic() - begun:.2f}", flush=True)
    print("open", flush=True)
    while opened:
        for one in select.select(list(opened), [], [], 30)[0]:
            try:
                if one.recv(4096):
                    continue
            except OSError:
                pass
            print(f"{time.monotonic() - opened.pop(one):.2f}", flush=True)
            one.close()


def status(answer):
    return answer.split(b" ", 2)[1].decode() if answer else "closed"


def slow(address, count, ca, *credentials):
    head = b"POST /api/v1/sites HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n"
    wraps = [context(ca, one) for one in credentials]
    opened = [connect(address, None, wrap) for wrap in wraps for _ in range(int(count))]
    for one in opened:
        one.sendall(head)
    print("open", flush=True)
    for one in opened:
        print(status(one.recv(4096)), flush=True)


def batches(address, count, ca, credential):
    wrap = context(ca, credential)
    head = b"POST /api/v1/tasks/batch HTTP/1.1\r\nhost: x\r\ncontent-length: 16000000\r\n\r\n["
    opened = []
    for _ in range(int(count)):
        one = connect(address, None, wrap)
        one.sendall(head)
        ready = select.select([one], [], [], 2)[0]
        print(status(one.recv(4096)) if ready else "waits", flush=True)
        opened.append(one)
    sys.stdin.readline()


def held(address, count, source, ca, credential):
    wrap = context(ca, credential)
    opened = []
    for _ in range(int(count)):
        try:
            one = connect(address, source, wrap)
            one.sendall(b"GET /api/v1/version HTTP/1.1\r\nhost: x\r\n\r\n")
            if one.recv(4096):
                opened.append(one)
        except OSError:
            pass
    print(f"held {len(opened)}", flush=True)
    sys.stdin.readline()


def repeat(address, count, ca, credential, method, path, body=None):
    wrap = context(ca, None if credential == "-" else credential)
    one = http.client.HTTPSConnection(*endpoint(address), context=wrap)
    counts = {}
    for _ in range(int(count)):
        one.request(method, path, body)
        answer = one.getresponse()
        answer.read()
        counts[answer.status] = counts.get(answer.status, 0) + 1
    for code in sorted(counts):
        print(f"{code} {counts[code]}", flush=True)


def kept(address, ca, credential):
    one = http.client.HTTPSConnection(*endpoint(address), context=context(ca, credential))
    one.connect()
    same = one.sock
    for _ in range(2):
        one.request("GET", "/api/v1/sites")
        answer = one.getresponse()
        answer.read()
        print(answer.status if one.sock is same else "another connection", flush=True)
        sys.stdin.readline()


def main(words):
    if words[0] == "silent":
        silent(*words[1:4], *(words[5:6]))
    elif words[0] in ("slow", "batches", "held", "repeat"):
        globals()[words[0]](*words[1:])
    else:
        kept(*words[1:])


main(sys.argv[1:])
