"""Draws QR codes with segno: pure Python, ISO/IEC 18004, PNG and SVG without an imaging library.

Error correction is level M (15 %): a truck's paper gets dirty, and one whole code may be missing besides
(``services.transit.parts``).
"""

import io

import segno

from darwaza.errors import TooLargeError

VERSION_MAX = 25
"""Largest version drawn: 117 modules a side, which a phone still reads from a 6 cm print."""

_SCALE = 6
"""Pixels of one module in a PNG."""

_QUIET = 4
"""Modules of margin; ISO/IEC 18004 section 9.1 asks for four."""


class SegnoBarcodes:
    """Implements ``darwaza.ports.printing.Barcodes``."""

    def png(self, text: str) -> bytes:
        """See the port."""
        return self._save(text, "png", scale=_SCALE)

    def svg(self, text: str) -> bytes:
        """See the port."""
        return self._save(text, "svg", scale=1, xmldecl=False)

    def version(self, text: str) -> int:
        """See the port."""
        return int(self._code(text).version)

    def _save(self, text: str, kind: str, **options: object) -> bytes:
        """Write a picture of a kind."""
        out = io.BytesIO()
        self._code(text).save(out, kind=kind, border=_QUIET, **options)
        return out.getvalue()

    def _code(self, text: str) -> segno.QRCode:
        """Make the code, no larger than allowed."""
        try:
            code = segno.make_qr(text, error="m", boost_error=False)
        except segno.DataOverflowError as error:
            raise TooLargeError("the text fits no QR code", code="qr_too_large") from error
        if int(code.version) > VERSION_MAX:
            raise TooLargeError(f"version {code.version} is over {VERSION_MAX}", code="qr_too_large")
        return code
