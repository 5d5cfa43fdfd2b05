"""What all pages share: who may sign in, who is signed in, the audit trail, what is on the way."""

from darwaza.adapters.keyfile.account import AccountFile
from darwaza.bootstrap import ACCOUNT_FILE
from darwaza.entry.console.audit import AUDIT_FILE, Trail
from darwaza.entry.console.index import Index
from darwaza.entry.console.live import Live
from darwaza.entry.console.password import Passwords
from darwaza.entry.console.session import SESSION_FILE, Sessions, Throttle
from darwaza.entry.console.upkeep import Upkeep
from darwaza.entry.server import Server


class Lobby:
    """See the module.

    Attributes:
        server: the running gateway.
        accounts: who may sign in.
        sessions: who is signed in.
        throttle: how often one may try.
        passwords: checks them.
        trail: the audit trail.
        index: movements that are on their way.
        live: tells open pages that something changed.
        upkeep: makes backups and examines them.
    """

    def __init__(self, server: Server) -> None:
        gateway = server.gateway
        folder, clock = gateway.folder, gateway.clock
        self.server = server
        self.accounts = AccountFile(folder / ACCOUNT_FILE)
        self.sessions = Sessions(folder / SESSION_FILE, clock, gateway.entropy)
        self.throttle = Throttle(clock.monotonic_s)
        self.passwords = Passwords()
        self.trail = Trail(folder / AUDIT_FILE, clock)
        self.index = Index(gateway.engine)
        self.live = Live(server, self.index)
        self.upkeep = Upkeep(folder, clock)
        server.beside.append(self.index.run)
