"""A TCP proxy between agents and relay that keeps every byte of both directions, and can cut the wire."""

import socket
import threading


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


class Recorder:
    def __init__(self, upstream_port):
        self.upstream = ("127.0.0.1", upstream_port)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self._lock = threading.Lock()
        self._streams = []  # one bytearray for each direction of each connection
        self._sockets = set()
        self._cut = False
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                if self._cut:
                    raise OSError("the wire is cut")
                server = socket.create_connection(self.upstream)
            except OSError:
                client.close()
                continue
            with self._lock:
                self._sockets |= {client, server}
            for source, sink in ((client, server), (server, client)):
                kept = bytearray()
                with self._lock:
                    self._streams.append(kept)
                threading.Thread(target=self._forward, args=(source, sink, kept), daemon=True).start()

    def _forward(self, source, sink, kept):
        try:
            while data := source.recv(65536):
                kept += data
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def streams(self):
        with self._lock:
            return [bytes(s) for s in self._streams]

    def cut(self):
        """Ends all connections, and lets none through until mend()."""
        self._cut = True
        with self._lock:
            sockets, self._sockets = self._sockets, set()
        for one in sockets:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def mend(self):
        self._cut = False

    def close(self):
        self.listener.close()
        self.cut()
