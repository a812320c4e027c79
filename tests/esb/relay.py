"""A relay between a bus and Muster, on its own port: records requests, and drops messages on command.

A request whose first bytes contain one of these words is treated specially:

    never-answered  it is read but not forwarded, and gets no response
    answer-lost     it is forwarded and the response is dropped; once for each word with the text after it
    answer-late     the response is delayed by LATE seconds

Everything else passes unchanged.
"""

import re
import socket
import threading
import time

LATE = 62
KEPT = 8192
WORD = re.compile(rb"(never-answered|answer-lost|answer-late)[\w.-]*")


class Relay:
    def __init__(self, target):
        self.target = target
        self.requests = []
        self.lost = set()
        self.open = set()
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def refuse(self):
        """Stops listening: new connections are refused, and open ones are closed."""
        # A thread that waits in accept() would keep the port open.
        _close(self.listener)
        with self.lock:
            connections = list(self.open)
        for connection in connections:
            _close(connection)
        # A bus that sends before it has noticed the closed connection may wait forever for an error.
        time.sleep(1)

    def listen(self):
        self.listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def requests_with(self, word):
        """The beginning of each request that holds the word: its head and its first part."""
        with self.lock:
            return [kept.decode("utf-8", "replace") for kept in self.requests if word.encode() in kept]

    def _accept(self, listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        try:
            server = socket.create_connection(self.target)
        except OSError:
            client.close()
            return
        with self.lock:
            self.open.add(client)
        fate = {"word": None}
        threading.Thread(target=self._answers, args=(server, client, fate), daemon=True).start()
        kept = None
        try:
            while piece := client.recv(65536):
                if piece.startswith(b"POST "):
                    kept = bytearray()
                    fate["word"] = None
                    with self.lock:
                        self.requests.append(kept)
                if kept is not None and len(kept) < KEPT:
                    kept += piece[: KEPT - len(kept)]
                    self._decide(bytes(kept), fate)
                if fate["word"] == b"never-answered":
                    _close(server)
                else:
                    server.sendall(piece)
        except OSError:
            pass
        _close(server)
        _close(client)
        with self.lock:
            self.open.discard(client)

    def _decide(self, kept, fate):
        found = WORD.search(kept)
        if fate["word"] is not None or found is None:
            return
        with self.lock:
            if found[1] == b"answer-lost" and found[0] in self.lost:
                return
            self.lost.add(found[0])
        fate["word"] = found[1]

    def _answers(self, server, client, fate):
        try:
            while piece := server.recv(65536):
                if fate["word"] == b"answer-late":
                    time.sleep(LATE)
                    fate["word"] = None
                if fate["word"] is None:
                    client.sendall(piece)
        except OSError:
            pass
        if fate["word"] is None:
            _close(client)


def _close(connection):
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    connection.close()
