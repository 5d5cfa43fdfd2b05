"""A cable to a gateway that can be cut: a TCP forwarder on this machine, for the demo and for tests."""

import contextlib
import socket
import threading

PIECE_BYTES = 65_536
ACCEPT_S = 0.2


class Cable:
    """Forwards connections to a port for as long as it is whole.

    Attributes:
        port: to connect to.
        whole: whether anything gets through.
    """

    def __init__(self, target_port: int) -> None:
        self._target = ("127.0.0.1", target_port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(ACCEPT_S)
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._closed = False
        self.whole = True
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Let nothing through and break what is open."""
        with self._lock:
            self.whole = False
            for one in self._open:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        """Let connections through again."""
        self.whole = True

    def close(self) -> None:
        """Take the cable away."""
        self._closed = True
        self.cut()
        self._listener.close()

    def _accept(self) -> None:
        while not self._closed:
            try:
                near, _ = self._listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            if not self.whole:
                near.close()
                continue
            try:
                far = socket.create_connection(self._target, timeout=1)
            except OSError:
                near.close()
                continue
            for one in (near, far):
                one.settimeout(None)
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if not self._join(near, far):
                near.close()
                far.close()
                continue
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _join(self, *ends: socket.socket) -> bool:
        """Note an open connection, unless the cable was cut while it was made."""
        with self._lock:
            if self.whole:
                self._open.update(ends)
            return self.whole

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(PIECE_BYTES):
                sink.sendall(piece)
        for one in (source, sink):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        with self._lock:
            self._open.discard(source)
        source.close()
