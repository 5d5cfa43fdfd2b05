"""Documents of a known form: what was parsed and validated once is not parsed and validated again.

The documents one bank sends differ in their texts and hardly ever in anything else. A *form* is all of a document but
the texts between its tags, byte for byte. A document whose form has passed parser and schema before is well-formed and
has the right elements in the right places; what is left to hold is each text against what its element may hold
(``definition.Text``), and that needs no parser: one pattern is the whole form with what each text may be. It costs a
tenth of reading a document in full.

Nothing is decided by resemblance: whatever is not certain here (a comment, an entity, a text of a kind that is not
checked here, a wrong text) is left to the parser and the schema, which also find the words for what is wrong.
"""

import re
from collections.abc import Callable
from datetime import date, datetime
from functools import cache
from typing import Any, Final, NamedTuple

from lxml import etree

from darwaza.errors import MalformedError
from darwaza.standards.iso20022.definition import ComplexType, Definition, Text
from darwaza.standards.iso20022.reading import Make, Reader, Unfit, recipe_of

FORM_BYTES_MAX: Final = 16_384
"""Longest document whose form is kept."""
FORMS_MAX: Final = 512
"""Forms kept; a bank has a few. Past it all are learned anew."""
FORM_TEXTS_MAX: Final = 256
"""Most texts of a document whose form is kept: a form costs the more to learn. A payment laid out in lines has 150."""
RECENT_MAX: Final = 4
"""Forms met last, which are tried before the form is looked for: most documents are of the form of the one before."""
SEEN_MAX: Final = 8_192
"""Forms remembered as seen once. Only one that comes again is learned: what never comes again costs nothing more."""

_SIGN: Final = "[^<>&\x00-\x08\x0b-\x1f\ufffe\uffff]"
"""A character that means itself between tags (XML 1.0 sections 2.2, 2.4 and 2.11)."""
_TEXTS: Final = re.compile(f">({_SIGN}+)<")
_TEXT: Final = re.compile(f"{_SIGN}+").fullmatch
_PLACE: Final = "\x00"
"""Stands in a form for a text; no document holds it."""
_SAME_PATTERN: Final = re.compile(r"(?:\[(?:[A-Za-z0-9,+-]|\\[+-])*\]|[A-Za-z0-9(){},+-]|\\[+-])*")
"""Patterns that mean the same in XML Schema (part 2, appendix F) and in Python; no bracket stands in a class."""
_INSTANT: Final = r"[1-9]\d{3}-\d\d-\d\dT[0-2]\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]0\d:[0-5]\d)"
_DATE: Final = r"[1-9]\d{3}-\d\d-\d\d"
_DIGITS_MAX: Final = 18


class Check(NamedTuple):
    """What accepts texts that are certainly right.

    Attributes:
        pattern: what they match, with the next tag behind them; it reads no further, whatever stands there.
        read: raises ``ValueError`` for those that match and are wrong all the same; None when there are none.
    """

    pattern: str
    read: Callable[[str], Any] | None = None


_BLANK: Final = Check(r"[ \t\n]*")


class _Taken:
    """A valid document taken apart, in the order of its texts."""

    def __init__(self, root: etree._Element, definition: Definition) -> None:
        """Walk it.

        Raises:
            Unfit: a text of it is of a kind that is not checked here.
        """
        self._types = definition.types
        self.texts: list[str] = []
        self.checks: list[Check] = []
        self.places: dict[etree._Element, int] = {}
        self._walk(root, definition.types[definition.root_type])

    def _walk(self, element: etree._Element, kind: ComplexType | Text) -> None:
        children = element.getchildren()
        text = kind if isinstance(kind, Text) else kind.text
        if element.text and not children:
            self.places[element] = len(self.texts)
        self._take(element.text, _BLANK if children or text is None else check_of(text))
        for child in children:
            self._walk(child, self._kind_of(child, kind))
            self._take(child.tail, _BLANK)

    def _take(self, text: str | None, check: Check | None) -> None:
        if text:
            if check is None:
                raise Unfit
            self.texts.append(text)
            self.checks.append(check)

    def _kind_of(self, child: etree._Element, kind: ComplexType | Text) -> ComplexType | Text:
        found = None if isinstance(kind, Text) else kind.child(etree.QName(child).localname)
        if found is None:
            raise Unfit
        return self._types[found.type] if isinstance(found.type, str) else found.type


class Form(NamedTuple):
    """One form.

    Attributes:
        match: a whole document of this form, a group for each text.
        reads: what else holds a text, and its place.
        make: the value, of the texts.
    """

    match: Callable[[str], re.Match[str] | None]
    reads: tuple[tuple[Callable[[str], Any], int], ...]
    make: Make

    def read(self, text: str) -> Any:
        """The value of a document of this form; None for another, and for one that has to be read in full."""
        found = self.match(text)
        if found is None:
            return None
        texts = found.groups()
        try:
            for read, place in self.reads:
                read(texts[place])
            return self.make(texts)
        except (MalformedError, ValueError):
            return None  # reading it in full tells what is wrong, and where


class Forms:
    """The forms learned so far."""

    def __init__(self) -> None:
        self._known: dict[str, Form] = {}
        self._recent: tuple[Form, ...] = ()
        self._seen: set[int] = set()

    def read(self, data: bytes) -> Any:
        """Read a document of a known form; None when it has to be read in full."""
        text = _text_of(data)
        if text is None:
            return None
        for form in self._recent:
            value = form.read(text)
            if value is not None:
                return value
        taken = _apart(text)
        known = None if taken is None else self._known.get(taken[0])
        if known is None:
            return None
        self._recent = (known, *(form for form in self._recent if form is not known))[:RECENT_MAX]
        return known.read(text)

    def learn(self, data: bytes, root: etree._Element, definition: Definition, read: Reader, value: Any) -> None:
        """Learn the form of a document that was read in full, when it comes for the second time.

        Args:
            data: the document.
            root: parsed; valid.
            definition: of its message.
            read: what gave ``value``.
            value: what the document says.
        """
        text = _text_of(data)
        taken = None if text is None else _apart(text)
        if text is None or taken is None or len(taken[1]) > FORM_TEXTS_MAX or taken[0] in self._known:
            return
        # Two forms of one hash only mean that one of them is learned at once.
        seen = hash(taken[0])
        if seen not in self._seen:
            if len(self._seen) >= SEEN_MAX:
                self._seen.clear()
            self._seen.add(seen)
            return
        try:
            apart = _Taken(root, definition)
            content = root.getchildren()[0] if definition.root == "Document" else root
            if apart.texts != taken[1]:
                return
            form = _form(taken[0], apart.checks, recipe_of(read, content, apart.places))
        except Unfit:
            return
        if form.read(text) == value:
            if len(self._known) >= FORMS_MAX:
                self._known.clear()
                self._recent = ()
            self._known[taken[0]] = form


def _form(form: str, checks: list[Check], make: Make) -> Form:
    """Put what each text may be into its place in a form."""
    first, *others = map(re.escape, form.split(_PLACE))
    places = (f">({check.pattern})<{other}" for check, other in zip(checks, others, strict=True))
    reads = ((check.read, place) for place, check in enumerate(checks))
    return Form(
        re.compile(first + "".join(places), re.ASCII).fullmatch,
        tuple((read, place) for read, place in reads if read is not None),
        make,
    )


def _text_of(data: bytes) -> str | None:
    if len(data) > FORM_BYTES_MAX:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def _apart(text: str) -> tuple[str, list[str]] | None:
    """The form of a document and its texts; None for one that has none.

    A comment, a section of characters or an instruction could hold what looks like a tag here.
    """
    if "<!" in text or text.find("<?", 1) >= 0:
        return None
    # What stands before the root element is of the form as it is.
    start = text.find("<", text.find("?>") + 2 if text.startswith("<?") else 0)
    pieces = _TEXTS.split(text[start:])
    pieces[0] = text[:start] + pieces[0]
    return _PLACE.join(pieces[::2]), pieces[1::2]


@cache
def check_of(text: Text) -> Check | None:
    """What accepts texts that are certainly right; None for a kind that is not checked here."""
    if text.base == "string":
        return _string(text)
    if text.base == "decimal":
        return _decimal(text)
    if text.base == "date":
        # A day that no calendar has is left to the schema.
        return Check(_DATE, date.fromisoformat)
    if text.base == "dateTime":
        return Check(_INSTANT, datetime.fromisoformat)
    return None


def _string(text: Text) -> Check | None:
    if text.values:
        plain = text.pattern is None and text.length_min is None and text.length_max is None
        plain = plain and all(map(_TEXT, text.values))
        return Check("|".join(map(re.escape, text.values))) if plain else None
    least, most = text.length_min or 0, FORM_BYTES_MAX if text.length_max is None else text.length_max
    sized = f"{_SIGN}{{{least},{most}}}"
    if text.pattern is None:
        return Check(sized)
    if _SAME_PATTERN.fullmatch(text.pattern) is None:
        return None
    # No such pattern lets a sign through that is none: only a length is left to be looked at.
    length = f"(?={sized}<)" if least or text.length_max is not None else ""
    return Check(length + text.pattern.replace("(", "(?:"))


def _decimal(text: Text) -> Check | None:
    if text.values or text.pattern or text.value_min not in (None, "0"):
        return None
    digits = min(_DIGITS_MAX, text.digits_max or _DIGITS_MAX)
    fraction = min(digits - 1, digits if text.fraction_digits_max is None else text.fraction_digits_max)
    places = f"(?:\\.[0-9]{{1,{fraction}}})?" if fraction else ""
    # Whole and fraction share the digits that are allowed in all; the point is one sign more.
    shared = f"(?=[0-9.]{{1,{digits + 1}}}<)" if places else ""
    return Check(f"{shared}[0-9]{{1,{digits}}}{places}")
