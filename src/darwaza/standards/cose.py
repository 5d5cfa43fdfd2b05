"""COSE receipts: proofs of inclusion for SCITT tools (RFC 9942, with RFC 9052 for COSE_Sign1 and RFC 9943 for SCITT).

A receipt says the same as ``darwaza.kernel.proof``, in CBOR and without cosignatures: the log's key signs the root, the
unprotected header carries the inclusion proof, and the root itself is left out, because the verifier computes it from
the entry. The tree is that of RFC 9162, the log's own, so nothing is hashed twice.

A receipt proves that the log holds the entry, not where: RFC 9942 signs the root alone, and several pairs of index and
size can fit one root and proof (4 of 5 and 1 of 2, for one). Where the place matters, use the kernel's proof.

The grammar wants at least one hash in a proof, so a log of one entry has no receipts; links start with a genesis entry.

Example::

    raw = build_receipt(Receipt(5, size, b"key-1", "example.com/log", "urn:uuid:..."), root, proof, key)
    receipt = verify_receipt(raw, leaf_hash(entry), key.public)
"""

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

import cbor2
import msgspec

from darwaza.errors import MalformedError, SignatureError, TooLargeError
from darwaza.kernel.encoding import NUMBER_MAX
from darwaza.kernel.key import PrivateKey, PublicKey
from darwaza.kernel.merkle import PROOF_HASHES_MAX, root_from_inclusion

RECEIPT_BYTES_MAX = 16_384

_TAG_SIGN1 = 18  # RFC 9052 section 2
_DEPTH_MAX = 8

# COSE header parameters (RFC 9052 section 3.1, RFC 9597, RFC 9942 section 2).
_ALG, _CRIT, _KID, _CWT_CLAIMS, _VDS, _VDP = 1, 2, 4, 15, 395, 396
_ISS, _SUB = 1, 2  # CWT claims (RFC 8392 section 4)
_ALG_EDDSA = -8  # RFC 9053 section 2.2
_VDS_RFC9162_SHA256 = 1
_VDP_INCLUSION = -1


class Receipt(msgspec.Struct, frozen=True):
    """What a receipt says about an entry.

    Attributes:
        index: of the entry in the log, from 0; not signed.
        size: number of entries the log had, at least 2; not signed.
        kid: names the log's key; RFC 9943 asks for it when no certificate is present.
        issuer: CWT claim ``iss``: the log.
        subject: CWT claim ``sub``: what the entry is about.
    """

    index: int
    size: int
    kid: bytes
    issuer: str
    subject: str


def build_receipt(receipt: Receipt, root: bytes, proof: Sequence[bytes], key: PrivateKey) -> bytes:
    """Sign a receipt.

    Args:
        receipt: what it says.
        root: of the log at ``receipt.size``.
        proof: inclusion proof of the entry, at least one hash.
        key: the log's Ed25519 key.

    Raises:
        MalformedError: ``receipt_malformed``; the log has fewer than 2 entries.
    """
    if not proof:
        raise _malformed("a receipt needs a log of at least 2 entries")
    protected = cbor2.dumps(
        {
            _ALG: _ALG_EDDSA,
            _KID: receipt.kid,
            _CWT_CLAIMS: {_ISS: receipt.issuer, _SUB: receipt.subject},
            _VDS: _VDS_RFC9162_SHA256,
        }
    )
    inclusion = cbor2.dumps([receipt.size, receipt.index, list(proof)])
    unprotected = {_VDP: {_VDP_INCLUSION: [inclusion]}}
    signature = key.sign(_to_sign(protected, root))
    return cbor2.dumps(cbor2.CBORTag(_TAG_SIGN1, [protected, unprotected, None, signature]))


def verify_receipt(raw: bytes, leaf: bytes, public: PublicKey) -> Receipt:
    """Check that the log of this key signed a root that covers the leaf.

    The checks, in this order: form; inclusion; signature.

    Args:
        raw: the receipt.
        leaf: leaf hash of the entry.
        public: the log's Ed25519 key.

    Returns:
        What it says. Only ``kid``, ``issuer`` and ``subject`` are signed.

    Raises:
        TooLargeError: ``receipt_too_large``, over ``RECEIPT_BYTES_MAX``.
        MalformedError: ``receipt_malformed``.
        SignatureError: ``inclusion_false`` or ``signature_false``.
    """
    if len(raw) > RECEIPT_BYTES_MAX:
        raise TooLargeError(f"a receipt has at most {RECEIPT_BYTES_MAX} bytes", code="receipt_too_large")
    protected, unprotected, signature = _envelope(raw)
    kid, issuer, subject = _protected_claims(protected)
    size, index, proof = _inclusion(unprotected)
    root = root_from_inclusion(index, size, leaf=leaf, proof=proof)
    if root is None:
        raise SignatureError("the receipt's proof does not fit its index and size", code="inclusion_false")
    if not public.verify(signature, _to_sign(protected, root)):
        raise SignatureError("the log did not sign a root that covers this entry", code="signature_false")
    return Receipt(index, size, kid, issuer, subject)


def _malformed(detail: str) -> MalformedError:
    return MalformedError(detail, code="receipt_malformed")


def _to_sign(protected: bytes, root: bytes) -> bytes:
    """``Sig_structure`` of RFC 9052 section 4.4, without external data."""
    return cbor2.dumps(["Signature1", protected, b"", root])


def _decode(raw: bytes) -> Any:
    stream = BytesIO(raw)
    try:
        value = cbor2.load(stream, max_depth=_DEPTH_MAX, allow_indefinite=False, allow_duplicate_keys=False)
    except cbor2.CBORError as error:
        raise _malformed("the receipt is not the CBOR it should be") from error
    if stream.read(1):
        raise _malformed("bytes follow the receipt")
    return value


def _envelope(raw: bytes) -> tuple[bytes, Mapping[Any, Any], bytes]:
    match _decode(raw):
        case cbor2.CBORTag(tag=18, value=[bytes(protected), Mapping() as unprotected, None, bytes(signature)]):
            return protected, unprotected, signature
    raise _malformed("a receipt is a COSE_Sign1 with a detached payload")


def _protected_claims(protected: bytes) -> tuple[bytes, str, str]:
    header = _decode(protected)
    # A critical header is one that must be understood (RFC 9052 section 3.1); a receipt of this profile has none.
    if not isinstance(header, Mapping) or _CRIT in header:
        raise _malformed("the protected header is not a map, or has critical parameters")
    if header.get(_ALG) != _ALG_EDDSA or header.get(_VDS) != _VDS_RFC9162_SHA256:
        raise _malformed("a receipt here is EdDSA over an RFC 9162 tree with SHA-256")
    match header.get(_KID), header.get(_CWT_CLAIMS):
        case bytes(kid), {1: str(issuer), 2: str(subject)}:
            return kid, issuer, subject
    raise _malformed("a receipt names its key, its issuer and its subject")


def _inclusion(unprotected: Mapping[Any, Any]) -> tuple[int, int, tuple[bytes, ...]]:
    match unprotected.get(_VDP):
        case {-1: [bytes(encoded)]}:
            match _decode(encoded):
                case [int(size), int(index), [*proof]] if (
                    not isinstance(index, bool)
                    and 0 <= index < size <= NUMBER_MAX
                    and 0 < len(proof) <= PROOF_HASHES_MAX
                    and all(isinstance(one, bytes) for one in proof)
                ):
                    return size, index, tuple(proof)
    raise _malformed("a receipt has one inclusion proof of size, index and at least one hash")
