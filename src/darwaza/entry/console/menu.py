"""The menu: one entry a task, shown to whoever has a role for it; the first one is where people start."""

import msgspec

from darwaza.entry.console.word import N_

CUSTOMS = "customs|supervisor"
BANK = "bank|compliance"
KEEPERS = "operator|auditor"


class Item(msgspec.Struct, frozen=True):
    """An entry: path, untranslated label, roles divided by ``|`` ("" for everyone)."""

    path: str
    label: str
    role: str


MENU = (
    Item("/console/office", N_("Office"), CUSTOMS),
    Item("/console/crossings", N_("Crossings"), CUSTOMS),
    Item("/console/trips", N_("My movements"), "holder"),
    Item("/console/bank", N_("Bank"), BANK),
    Item("/console/overview", N_("Overview"), ""),
    Item("/console/consignments", N_("Consignments"), ""),
    Item("/console/documents", N_("Documents"), ""),
    Item("/console/operator", N_("Operator"), "operator"),
    Item("/console/auditor", N_("Auditor"), "auditor"),
    Item("/console/verify", N_("Verify"), ""),
)


def menu_of(roles: frozenset[str]) -> list[Item]:
    """What somebody with these roles sees."""
    return [item for item in MENU if not item.role or set(item.role.split("|")) & roles]


def start_of(roles: frozenset[str]) -> str:
    """Where somebody with these roles begins."""
    return menu_of(roles)[0].path
