"""Own messages that neighbours gave back after a loss and that wait for something, as one batch has them."""

from darwaza.ports.store import Changes, Store


class GivenBack:
    """See the module; what they wait for is said in ``engine.recovery``."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._read: dict[str, str] = {}
        self._changed: dict[str, str] = {}

    def waiting(self, cause_id: str) -> list[str]:
        """Keys of those that wait for this."""
        stored = self._store.given_back(cause_id)
        self._read.update(dict.fromkeys(stored, cause_id))
        kept = [key for key in stored if self._changed.get(key, cause_id) == cause_id]
        return kept + [key for key, cause in self._changed.items() if cause == cause_id and key not in kept]

    def wait(self, cause_id: str, message_key: str) -> None:
        """Let one wait for this, and for nothing else any more."""
        if self._changed.get(message_key, self._read.get(message_key)) != cause_id:
            self._changed[message_key] = cause_id

    def use(self, message_key: str) -> None:
        """Note that one has found what it waited for."""
        self._changed[message_key] = ""

    def write(self, changes: Changes) -> None:
        """Put what this batch has changed into what it will commit."""
        changes.given_back = [(cause, key) for key, cause in self._changed.items() if cause]
        changes.given_back_used = [key for key, cause in self._changed.items() if not cause]
