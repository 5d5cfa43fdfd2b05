"""admi.002, the rejection of a message that cannot be read: version 1. ``rejection`` makes one from an error."""

from datetime import datetime
from typing import Annotated

from darwaza.standards.iso20022.part import At, Message


class MessageReject(Message, frozen=True, kw_only=True):
    """MessageReject.

    Attributes:
        reference: identifier of the message refused, 1-35 characters.
        reason: why, 1-35 characters: one of our error codes.
        rejected_at: when.
        location: path of the offending element, 1-350 characters.
        description: a sentence for a person, 1-350 characters.
        data: what else helps to find the message, 1-20,000 characters.
    """

    reference: Annotated[str, At("RltdRef/Ref")]
    reason: Annotated[str, At("Rsn/RjctgPtyRsn")]
    rejected_at: Annotated[datetime | None, At("Rsn/RjctnDtTm")] = None
    location: Annotated[str | None, At("Rsn/ErrLctn")] = None
    description: Annotated[str | None, At("Rsn/RsnDesc")] = None
    data: Annotated[str | None, At("Rsn/AddtlData")] = None
