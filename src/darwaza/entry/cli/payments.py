"""darwaza payments: the group with all its commands, which stand in three modules by who uses them."""

from darwaza.entry.cli import alias, money
from darwaza.entry.cli.payment import payments

__all__ = ["alias", "money", "payments"]
