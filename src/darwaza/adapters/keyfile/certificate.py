"""The certificate a gateway shows its neighbours: self-signed, pinned byte for byte by the corridor document.

Nobody trusts its issuer, name or dates; they are there because TLS 1.3 (RFC 8446 section 4.4.2) wants a certificate.
"""

import ipaddress
import ssl
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from darwaza.adapters.keyfile.keys import NEXT, write_secret
from darwaza.errors import FatalError
from darwaza.kernel.member import Card


def self_signed(
    key: ec.EllipticCurvePrivateKey, *, name: str, hosts: Iterable[str], serial: int, begin: datetime, end: datetime
) -> bytes:
    """Make a certificate.

    Args:
        key: NIST P-256, which every TLS library takes.
        name: common name.
        hosts: DNS names and IP addresses it is for.
        serial: 1 to 2**159 - 1.
        begin: not valid before.
        end: not valid after.

    Returns:
        DER.
    """
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.SubjectAlternativeName([_general_name(host) for host in hosts]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    )
    return builder.sign(key, hashes.SHA256(), ecdsa_deterministic=True).public_bytes(serialization.Encoding.DER)


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def write_tls(folder: Path, key: ec.EllipticCurvePrivateKey, certificate: bytes) -> None:
    """Write ``tls.key`` and ``tls.pem``.

    Raises:
        OperatorError: ``keys_exist``.
    """
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_secret(folder / "tls.key", private.decode("ascii"))
    loaded = x509.load_der_x509_certificate(certificate)
    (folder / "tls.pem").write_bytes(loaded.public_bytes(serialization.Encoding.PEM))


def follow_certificate(folder: Path, card: Card) -> bool:
    """Put a renewed certificate and its key in place once the member's card names it.

    The key goes first: after a crash between the two the certificate still waits and the next call moves it.

    Returns:
        Whether the files have changed.

    Raises:
        FatalError: the files cannot be moved.
    """
    waiting = folder / NEXT / "tls.pem"
    if not waiting.exists():
        return False
    try:
        der = ssl.PEM_cert_to_DER_cert(waiting.read_text("ascii"))
        if der not in {address.tls_certificate for address in card.addresses}:
            return False
        key = folder / NEXT / "tls.key"
        if key.exists():
            key.replace(folder / "tls.key")
        waiting.replace(folder / "tls.pem")
    except (OSError, ValueError) as fault:
        raise FatalError(f"the certificate cannot be put in place: {fault}") from fault
    return True
