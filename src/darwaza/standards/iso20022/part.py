"""What the typed values of messages are made of.

A *part* is a frozen struct that stands for one element. Its fields carry the path of the element they hold, relative
to the part's own, so the struct's definition is also the mapping::

    class PaymentId(Part):
        end_to_end_id: Annotated[str, At("EndToEndId")]
        uetr: Annotated[str | None, At("UETR")] = None

What a path may hold is decided by the field's type: text (``str``, ``int``, ``bool``, ``Decimal``, ``date``,
``datetime``), ``Amount``, another part, or a tuple of one of these for an element that repeats. ``binding`` reads and
writes parts; nothing here touches XML.

Frozen values of frozen values form no circles, so the garbage collector need not look at them (``gc=False``): a bulk
keeps ten thousands of them at a time.

An element that no field names is not lost: it stays in ``kept`` as it came and is written back in its place.
"""

from typing import Final

import msgspec


class At:
    """Where a field's element stands, relative to the element of its part.

    Attributes:
        paths: local names joined by ``/``. When message versions differ in the place, one path for each; the first
            that exists in the version at hand is used.
    """

    __slots__ = ("paths",)

    def __init__(self, *paths: str) -> None:
        self.paths: Final = paths


class Kept(msgspec.Struct, frozen=True, gc=False):
    """An element no field names, as it came.

    Attributes:
        at: its path relative to the part's element.
        xml: the element, complete with its namespace declarations.
    """

    at: str
    xml: str


class Part(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """One element of a message.

    Attributes:
        kept: elements inside it that no field names, in document order. They belong to the message version they came
            in and are set by reading only.
    """

    kept: tuple[Kept, ...] = ()


class Message(Part, frozen=True, kw_only=True):
    """A whole message.

    Attributes:
        message: message definition identifier with version, ``pacs.008.001.13``.
    """

    message: str
