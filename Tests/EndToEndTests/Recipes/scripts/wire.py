"""A line between two sites: TCP with a delay, which what is on its way does not survive."""

import selectors
import socket
import threading
import time


class Wire:
    """Listens on `port` of the loopback and passes what comes to `target`; what `target` says, `delay` seconds later."""

    def __init__(self, port, target):
        self.port, self.target, self.delay = port, target, 0.0
        self.pairs = set()
        self.server = socket.create_server(("127.0.0.1", port), backlog=64)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            client, _ = self.server.accept()
            threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client):
        try:
            server = socket.create_connection(("127.0.0.1", self.target), 5)
        except OSError:
            client.close()
            return
        pair = (client, server)
        self.pairs.add(pair)
        waiting = []
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(client, selectors.EVENT_READ, server)
                selector.register(server, selectors.EVENT_READ, client)
                while pair in self.pairs:
                    now = time.monotonic()
                    while waiting and waiting[0][0] <= now:
                        _, to, data = waiting.pop(0)
                        if not data:
                            return
                        to.sendall(data)
                    pause = waiting[0][0] - now if waiting else 0.2
                    for key, _ in selector.select(max(0.0, min(pause, 0.2))):
                        data = key.fileobj.recv(65536)
                        if not data:
                            selector.unregister(key.fileobj)
                        delay = self.delay if key.data is client else 0
                        waiting.append((time.monotonic() + delay, key.data, data))
                        waiting.sort(key=lambda entry: entry[0])
        except OSError:
            pass
        finally:
            self.pairs.discard(pair)
            client.close()
            server.close()

    def cut(self):
        """What is on its way is lost."""
        self.pairs.clear()
