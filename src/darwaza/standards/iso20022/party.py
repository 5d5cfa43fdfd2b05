"""Who takes part: persons and organisations, financial institutions, and their accounts.

The same parts serve every message; the versions differ in lengths and in rarely used elements, which the schema of the
version at hand settles.
"""

from datetime import date
from typing import Annotated

from darwaza.standards.iso20022.part import At, Part


class Coded(Part, frozen=True, kw_only=True):
    """A code of an external ISO 20022 code set, or a text agreed between the parties. Exactly one is set.

    Attributes:
        code: 1-4 characters in most sets, up to 35 in a few; ``codes`` holds those in use here.
        proprietary: 1-35 characters.
    """

    code: Annotated[str | None, At("Cd")] = None
    proprietary: Annotated[str | None, At("Prtry")] = None


class Identification(Part, frozen=True, kw_only=True):
    """A number by which someone is known: passport, national identity card, tax number, customer number.

    Attributes:
        id: 1-35 characters, 1-256 in the versions of 2024.
        scheme: which kind of number (code sets ExternalPersonIdentification, ExternalOrganisationIdentification).
        issuer: who gave it, 1-35 characters.
    """

    id: Annotated[str, At("Id")]
    scheme: Annotated[Coded | None, At("SchmeNm")] = None
    issuer: Annotated[str | None, At("Issr")] = None


class Address(Part, frozen=True, kw_only=True):
    """A postal address. Since 2026 cross-border practice asks for town and country.

    Attributes:
        street: 1-70 characters, 140 in the versions of 2024.
        building: number, 1-16 characters.
        post_code: 1-16 characters.
        town: 1-35 characters, 140 in the versions of 2024.
        subdivision: province or region, 1-35 characters.
        country: ISO 3166-1 alpha-2.
        lines: unstructured, at most 7 of 1-70 characters.
    """

    street: Annotated[str | None, At("StrtNm")] = None
    building: Annotated[str | None, At("BldgNb")] = None
    post_code: Annotated[str | None, At("PstCd")] = None
    town: Annotated[str | None, At("TwnNm")] = None
    subdivision: Annotated[str | None, At("CtrySubDvsn")] = None
    country: Annotated[str | None, At("Ctry")] = None
    lines: Annotated[tuple[str, ...], At("AdrLine")] = ()


class Birth(Part, frozen=True, kw_only=True):
    """When and where a person was born.

    Attributes:
        on: the day.
        city: 1-35 characters.
        country: ISO 3166-1 alpha-2.
    """

    on: Annotated[date, At("BirthDt")]
    city: Annotated[str, At("CityOfBirth")]
    country: Annotated[str, At("CtryOfBirth")]


class Party(Part, frozen=True, kw_only=True):
    """A person or an organisation; identified as one of the two, or by name only.

    Attributes:
        name: 1-140 characters, in any script.
        address: where it lives or is registered.
        bic: of an organisation, ISO 9362.
        lei: of an organisation, ISO 17442.
        organisation_ids: other numbers of an organisation.
        birth: of a person.
        person_ids: numbers of a person.
        residence: country of residence, ISO 3166-1 alpha-2.
        mobile: ``+92-3001234567``: country code, hyphen, 1-30 digits or punctuation.
        email: 1-256 characters.
    """

    name: Annotated[str | None, At("Nm")] = None
    address: Annotated[Address | None, At("PstlAdr")] = None
    bic: Annotated[str | None, At("Id/OrgId/AnyBIC")] = None
    lei: Annotated[str | None, At("Id/OrgId/LEI")] = None
    organisation_ids: Annotated[tuple[Identification, ...], At("Id/OrgId/Othr")] = ()
    birth: Annotated[Birth | None, At("Id/PrvtId/DtAndPlcOfBirth")] = None
    person_ids: Annotated[tuple[Identification, ...], At("Id/PrvtId/Othr")] = ()
    residence: Annotated[str | None, At("CtryOfRes")] = None
    mobile: Annotated[str | None, At("CtctDtls/MobNb")] = None
    email: Annotated[str | None, At("CtctDtls/EmailAdr")] = None


class Agent(Part, frozen=True, kw_only=True):
    """A financial institution.

    Attributes:
        bic: ISO 9362, 8 or 11 characters.
        clearing_system: the system that gave ``member_id``.
        member_id: number within a clearing system, 1-35 characters.
        lei: ISO 17442.
        name: 1-140 characters.
        other_id: any other number, 1-35 characters.
        branch_id: 1-35 characters.
    """

    bic: Annotated[str | None, At("FinInstnId/BICFI")] = None
    clearing_system: Annotated[Coded | None, At("FinInstnId/ClrSysMmbId/ClrSysId")] = None
    member_id: Annotated[str | None, At("FinInstnId/ClrSysMmbId/MmbId")] = None
    lei: Annotated[str | None, At("FinInstnId/LEI")] = None
    name: Annotated[str | None, At("FinInstnId/Nm")] = None
    other_id: Annotated[str | None, At("FinInstnId/Othr/Id")] = None
    branch_id: Annotated[str | None, At("BrnchId/Id")] = None


class PartyOrAgent(Part, frozen=True, kw_only=True):
    """Either of the two. Exactly one is set.

    Attributes:
        party: a person or an organisation.
        agent: a financial institution.
    """

    party: Annotated[Party | None, At("Pty")] = None
    agent: Annotated[Agent | None, At("Agt")] = None


class Account(Part, frozen=True, kw_only=True):
    """An account, by its number or by an alias that stands for it.

    Attributes:
        iban: ISO 13616; not together with ``other_id``.
        other_id: a number that is not an IBAN, 1-34 characters.
        scheme: which kind of number ``other_id`` is.
        issuer: who gave it, 1-35 characters.
        type: kind of account.
        currency: ISO 4217.
        name: of the account, 1-70 characters.
        proxy_type: kind of alias: ``MBNO`` mobile number, ``EMAL`` e-mail ... (``codes.PROXY_TYPES``).
        proxy: the alias, 1-2048 characters.
    """

    iban: Annotated[str | None, At("Id/IBAN")] = None
    other_id: Annotated[str | None, At("Id/Othr/Id")] = None
    scheme: Annotated[Coded | None, At("Id/Othr/SchmeNm")] = None
    issuer: Annotated[str | None, At("Id/Othr/Issr")] = None
    type: Annotated[Coded | None, At("Tp")] = None
    currency: Annotated[str | None, At("Ccy")] = None
    name: Annotated[str | None, At("Nm")] = None
    proxy_type: Annotated[Coded | None, At("Prxy/Tp")] = None
    proxy: Annotated[str | None, At("Prxy/Id")] = None
