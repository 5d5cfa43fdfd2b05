"""How a command reaches a gateway: its own folder on this machine, or an address and a token."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from darwaza.bootstrap import KEY_FOLDER
from darwaza.client import Client
from darwaza.config import CONFIG_FILE, GatewayConfig
from darwaza.errors import OperatorError

F = TypeVar("F", bound=Callable[..., Any])

TOKEN_FOLDER = "tokens"  # noqa: S105 - a folder's name
OPERATOR_TOKEN = "operator"  # noqa: S105 - a file's name


CONNECTION = ("folder", "url", "party", "token_file", "certificate")
"""Names of the options of ``connection_options``, in the order ``Connection`` takes them."""


class Connection:
    """Where a gateway is and who asks.

    Attributes:
        folder: the gateway's folder, if it is on this machine.
        url: else its address.
        party: name of the party that asks.
        token_file: file with its token.
        certificate: PEM file of the gateway's certificate.
    """

    def __init__(
        self, folder: Path | None, url: str | None, party: str, token_file: Path | None, certificate: Path | None
    ) -> None:
        self.folder = folder
        self.url = url
        self.party = party
        self.token_file = token_file
        self.certificate = certificate

    @classmethod
    def chosen(cls, options: Mapping[str, Any]) -> "Connection":
        """The one that the options of a command say, see ``connection_options``."""
        return cls(*(options[name] for name in CONNECTION))

    def client(self) -> Client:
        """Connect.

        Raises:
            OperatorError: ``gateway_unknown``, ``token_missing``.
        """
        if self.url is not None:
            return Client(self.url, self._token(self.token_file), certificate=self.certificate)
        if self.folder is None:
            raise OperatorError(
                "say which gateway: --gateway FOLDER, or --url with --token-file", code="gateway_unknown"
            )
        settings = GatewayConfig.load(self.folder / CONFIG_FILE)
        host = "127.0.0.1" if settings.host in {"0.0.0.0", "::"} else settings.host  # noqa: S104 - compared, not bound
        host = f"[{host}]" if ":" in host else host
        token_file = self.token_file or self.folder / TOKEN_FOLDER / self.party
        certificate = self.certificate or self.folder / KEY_FOLDER / "tls.pem"
        return Client(f"https://{host}:{settings.port}", self._token(token_file), certificate=certificate)

    def _token(self, path: Path | None) -> str:
        if path is None:
            return ""
        try:
            return path.read_text("ascii").strip()
        except OSError as fault:
            raise OperatorError(f"the token {path} cannot be read: {fault}", code="token_missing") from fault


def connection_options(default_party: str) -> Callable[[F], F]:
    """Options that say which gateway and which party."""

    def add(command: F) -> F:
        for option in reversed(
            (
                click.option(
                    "--gateway",
                    "folder",
                    type=click.Path(path_type=Path, file_okay=False),
                    envvar="DARWAZA_GATEWAY",
                    help="The gateway's folder on this machine.",
                ),
                click.option("--url", envvar="DARWAZA_URL", help="The gateway's address, from another machine."),
                click.option("--as", "party", default=default_party, show_default=True, help="The party that asks."),
                click.option("--token-file", type=click.Path(path_type=Path, dir_okay=False), help="Its token."),
                click.option(
                    "--certificate",
                    type=click.Path(path_type=Path, dir_okay=False),
                    help="The gateway's own certificate (PEM), the only one then trusted.",
                ),
            )
        ):
            command = option(command)
        return command

    return add
