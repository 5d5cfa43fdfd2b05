"""darwaza payments: the group with all its commands, which stand in four modules by who uses them."""

from darwaza.entry.cli import alias, money, proof
from darwaza.entry.cli.payment import payments

__all__ = ["alias", "money", "payments", "proof"]
