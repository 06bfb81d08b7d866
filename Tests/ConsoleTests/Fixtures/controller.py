"""A controller that answers as it is told: HTTPS with client certificates, standard library only.

usage: controller.py FOLDER

FOLDER holds server.pem, ca.pem and answers.json. The answers are read anew for each request:

    {"GET /api/v1/status": {"status": 200, "body": {...}, "headers": {...}, "raw": "..."}}

A list of answers is given one after the other, the last one for ever. An answer with "stream" is a
list of texts that are sent one by one, each after "pause" seconds; then the connection is held open
if "hold" is true, else closed. An answer with "drop" closes the connection without a word.
"open": true lets in those without a certificate. Requests are appended to requests.jsonl. The port
is printed as the only line.
"""
import json
import os
import socketserver
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler

FOLDER = sys.argv[1]
COUNTS = {}
LOCK = threading.Lock()


def answer_for(key):
    with open(os.path.join(FOLDER, "answers.json"), encoding="utf-8") as file:
        answers = json.load(file)
    answer = answers.get(key)
    if isinstance(answer, list):
        with LOCK:
            index = COUNTS.get(key, 0)
            COUNTS[key] = index + 1
        answer = answer[min(index, len(answer) - 1)]
    return answer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def handle_any(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length).decode("utf-8") if length else ""
        certificate = self.connection.getpeercert() or {}
        names = [value for _, value in certificate.get("subjectAltName", ())]
        with LOCK, open(os.path.join(FOLDER, "requests.jsonl"), "a", encoding="utf-8") as log:
            line = {
                "method": self.command,
                "path": self.path,
                "body": body,
                "names": names,
                "lastEventID": self.headers.get("Last-Event-ID"),
            }
            log.write(json.dumps(line) + "\n")
        answer = answer_for(f"{self.command} {self.path.split('?')[0]}")
        if answer is None:
            answer = {
                "status": 404,
                "body": {
                    "type": "about:blank", "title": "There is no such name", "status": 404,
                    "detail": "there is no such thing here", "code": "unknown-name",
                    "mend": "see `muster node list`",
                },
            }
        if not names and not answer.get("open"):
            answer = {
                "status": 401,
                "body": {
                    "type": "about:blank", "title": "A client certificate is needed",
                    "status": 401, "detail": "no client certificate", "code": "no-certificate",
                    "mend": "muster login",
                },
            }
        if answer.get("drop"):
            self.close_connection = True
            return
        if "stream" in answer:
            self.stream(answer)
            return
        raw = answer.get("raw")
        data = raw.encode("utf-8") if raw is not None else json.dumps(answer.get("body", {})).encode()
        self.send_response(answer.get("status", 200))
        for name, value in answer.get("headers", {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def stream(self, answer):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.close_connection = True
        try:
            for text in answer["stream"]:
                time.sleep(answer.get("pause", 0))
                data = text.encode("utf-8")
                self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
                self.wfile.flush()
            while answer.get("hold"):
                time.sleep(0.2)
                self.wfile.write(b"2\r\n:\n\r\n")
                self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            pass

    do_GET = do_POST = do_PUT = do_DELETE = handle_any


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.minimum_version = ssl.TLSVersion.TLSv1_3
        self.tls.load_cert_chain(os.path.join(FOLDER, "server.pem"))
        self.tls.load_verify_locations(os.path.join(FOLDER, "ca.pem"))
        self.tls.verify_mode = ssl.CERT_OPTIONAL

    def get_request(self):
        connection, address = self.socket.accept()
        return self.tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), address

    def handle_error(self, *_):
        pass


def stop_with_parent():
    sys.stdin.read()
    os._exit(0)


threading.Thread(target=stop_with_parent, daemon=True).start()
with Server() as server:
    print(server.server_address[1], flush=True)
    server.serve_forever()
