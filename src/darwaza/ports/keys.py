"""The keys a gateway signs with, wherever they are kept: in files, or in a device that never gives them out."""

from typing import Protocol

from darwaza.kernel.key import PrivateKey
from darwaza.kernel.member import Keys as PublicKeys
from darwaza.kernel.seal import UnsealKey


class Keys(Protocol):
    """A gateway's online keys. The governance (``vote``) key is not among them: it is kept off line."""

    @property
    def log(self) -> PrivateKey:
        """Ed25519; signs the checkpoints of this member's logs, and its requests to other gateways."""

    @property
    def log_mldsa44(self) -> PrivateKey | None:
        """ML-DSA-44; the second line of checkpoints where the corridor asks for one."""

    @property
    def witness(self) -> PrivateKey:
        """Ed25519; co-signs: the acknowledgement of a neighbour's messages, and the witness of others' logs."""

    @property
    def seal(self) -> UnsealKey:
        """Opens what other members seal to this one."""

    @property
    def former_seals(self) -> tuple[UnsealKey, ...]:
        """Sealing keys that were renewed: for what was sealed before, and is on its way or in the log."""

    @property
    def former_logs(self) -> tuple[PrivateKey, ...]:
        """Log keys that were renewed: to know commands that were given in their time; they sign nothing more."""

    def holds(self, public: PublicKeys) -> bool:
        """Whether the private halves of these keys, but for the vote key's, are here, in use or ready to take over."""

    def follow(self, public: PublicKeys) -> None:
        """Use the keys whose public halves these are; renewed ones take the place of former ones for good.

        Raises:
            OperatorError: ``keys_differ``: they are not here.
            FatalError: they could not be put in place; the process stops and the next start tries again.
        """
