"""A way between workers and their store that can be slow, break, or lead to another one.

>>> with Relay(redis.port) as relay:
...     relay.delay = 5.0
"""

import socket
import threading
import time
from contextlib import suppress


class Relay:
    """Passes on what comes to its port.

    :param target: the port on 127.0.0.1 that it leads to.
    :ivar delay: how many seconds later an answer comes.
    """

    def __init__(self, target: int) -> None:
        self.delay = 0.0
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._ends: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> "Relay":
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._break()

    def lead_to(self, target: int) -> None:
        """Lead to another port; what is connected to the one before is not any more."""
        self._target = target
        self._break()

    def _break(self) -> None:
        for end in tuple(self._ends):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                near = self._listener.accept()[0]
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self._target), 5)
            except OSError:
                near.close()
                continue
            far.settimeout(None)
            for source, sink, is_answer in ((near, far, False), (far, near, True)):
                self._ends.add(source)
                arguments = (source, sink, is_answer)
                threading.Thread(target=self._pass_on, args=arguments, daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket, is_answer: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if is_answer:
                    time.sleep(self.delay)
                sink.sendall(data)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)
        self._ends.discard(source)
        source.close()
