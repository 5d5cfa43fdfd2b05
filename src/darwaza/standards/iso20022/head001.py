"""head.001, the business application header: versions 3 and 2.

Some rails put it before each message to say from whom, to whom and what. It stands beside the document, not around it;
how the two are wrapped together is the rail's.
"""

from datetime import datetime
from typing import Annotated

from darwaza.standards.iso20022.part import At, Message, Part
from darwaza.standards.iso20022.party import Agent, Party


class HeaderParty(Part, frozen=True, kw_only=True):
    """Sender or receiver. Exactly one is set.

    Attributes:
        agent: a financial institution.
        organisation: another organisation.
    """

    agent: Annotated[Agent | None, At("FIId")] = None
    organisation: Annotated[Party | None, At("OrgId")] = None


class BusinessHeader(Message, frozen=True, kw_only=True):
    """BusinessApplicationHeader.

    Attributes:
        sender: from whom.
        receiver: to whom.
        business_id: identifier of the message, 1-35 characters.
        definition: message definition identifier of the document, ``pacs.008.001.13``.
        service: the community's name of the service, 1-35 characters.
        created_at: when the header was made.
        processed_on: the business day it is for, as a moment.
        copy: ``CODU`` copy of a duplicate, ``COPY``, ``DUPL`` duplicate.
        possible_duplicate: it may have been sent before.
        priority: agreed between the parties.
    """

    sender: Annotated[HeaderParty, At("Fr")]
    receiver: Annotated[HeaderParty, At("To")]
    business_id: Annotated[str, At("BizMsgIdr")]
    definition: Annotated[str, At("MsgDefIdr")]
    service: Annotated[str | None, At("BizSvc")] = None
    created_at: Annotated[datetime, At("CreDt")]
    processed_on: Annotated[datetime | None, At("BizPrcgDt")] = None
    copy: Annotated[str | None, At("CpyDplct")] = None
    possible_duplicate: Annotated[bool | None, At("PssblDplct")] = None
    priority: Annotated[str | None, At("Prty")] = None
