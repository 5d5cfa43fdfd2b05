"""darwaza payments: the group with all its commands, which stand in five modules by who uses them."""

from darwaza.entry.cli import alias, money, netting, proof
from darwaza.entry.cli.payment import payments

__all__ = ["alias", "money", "netting", "payments", "proof"]
