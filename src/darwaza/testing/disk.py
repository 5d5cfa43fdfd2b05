"""The disk of a simulated gateway: it keeps what it was given, or not, and says one thing or the other."""

from typing import TYPE_CHECKING

import msgspec

from darwaza.adapters.memory.store import MemoryStore
from darwaza.errors import FatalError
from darwaza.ports.store import Changes

if TYPE_CHECKING:
    from darwaza.testing.node import Node
    from darwaza.testing.simulation import Simulation


class Disk:
    """A store that tells the auditor what is on it, and fails now and then.

    Attributes:
        store: the rows.
        injected: the error that ended it, None while it works.
    """

    def __init__(self, store: MemoryStore, node: "Node", simulation: "Simulation") -> None:
        self.store = store
        self.injected: FatalError | None = None
        self._node = node
        self._simulation = simulation

    def __getattr__(self, name: str) -> object:
        return getattr(self.store, name)

    def commit(self, changes: Changes) -> None:
        """Write, or not, or write and fail all the same; tell what is there now."""
        self._simulation.happened(msgspec.msgpack.encode(changes))
        fault, applied = self._simulation.draw_fault()
        if fault is not None:
            self.store.fail_next(fault, applied=applied)
        try:
            self.store.commit(changes)
        except FatalError as error:
            if error is fault:
                self.injected = error
                # What failed refuses to be read: a twin stands for what the next process will find.
                self.store = self.store.copy()
                if applied:
                    self._simulation.auditor.committed(self._node.code, changes, self.store)
            raise
        self._simulation.auditor.committed(self._node.code, changes, self.store)
