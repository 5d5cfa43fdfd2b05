"""Languages of the console: which one a visitor gets, its texts, and how its readers write dates, numbers and money.

Texts stand in gettext catalogues, ``locale/LANGUAGE/LC_MESSAGES/console.po``, which are read as they are: there is no
compiled form that could be older than its source. Names of countries, dates and money follow Unicode CLDR (``babel``).
"""

import io
from collections.abc import Iterable
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from functools import cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_datetime, format_timedelta
from babel.lists import format_list
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_currency, format_decimal, format_percent

from darwaza.kernel import instant
from darwaza.standards.iso20022.amount import scale_of

LANGUAGES = ("en", "ur", "ru")
"""Each has a complete catalogue; English stands in the source."""
DEFAULT = "en"
LOCALE_FOLDER = Path(__file__).parent / "locale"
DOMAIN = "console"


def catalogue_path(language: str) -> Path:
    """Where a language's catalogue lies."""
    return LOCALE_FOLDER / language / "LC_MESSAGES" / f"{DOMAIN}.po"


@cache
def translations(language: str) -> NullTranslations:
    """The texts of a language."""
    if language == DEFAULT:
        return NullTranslations()
    with catalogue_path(language).open("rb") as file:
        catalogue = read_po(file, locale=language)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return GNUTranslations(compiled)


def choose(wanted: Iterable[str], accepted: str) -> str:
    """Choose a language.

    Args:
        wanted: codes in order of preference, "" for none: the cookie's, the account's.
        accepted: the browser's ``Accept-Language`` (RFC 9110, section 12.5.4).
    """
    weighed: list[tuple[float, str]] = []
    for part in accepted.split(",")[:20]:
        tag, _, weight = part.strip().partition(";q=")
        try:
            weighed.append((-float(weight or 1), tag.split("-")[0].lower()))
        except ValueError:
            continue
    by_browser = [tag for _, tag in sorted(weighed, key=lambda item: item[0])]
    return next((tag for tag in [*wanted, *by_browser] if tag in LANGUAGES), DEFAULT)


class Reader:
    """Writes values the way readers of a language do.

    Attributes:
        language: code.
        zone: of instants that carry none of their own.
    """

    def __init__(self, language: str, zone: tzinfo = UTC) -> None:
        self.language = language
        self.zone = zone
        self.locale = Locale.parse(language)
        self._texts = translations(language)

    @property
    def direction(self) -> str:
        """``rtl`` or ``ltr``."""
        return self.locale.text_direction

    def text(self, message: str) -> str:
        """Translate."""
        return self._texts.gettext(message) if message else ""

    def at(self, value: datetime | str, zone: str = "") -> str:
        """Write an instant with its zone: ``28 Nov 2026, 19:42 UTC+05:00``.

        Args:
            value: aware, or RFC 3339 text.
            zone: IANA name; the reader's own if not given.
        """
        at = self._aware(value).astimezone(ZoneInfo(zone) if zone else self.zone)
        return f"{format_datetime(at, 'd MMM y, HH:mm', locale=self.locale)} {self.offset(at)}"

    def clock(self, value: datetime | str, zone: str = "") -> str:
        """Write the time of day with its zone."""
        at = self._aware(value).astimezone(ZoneInfo(zone) if zone else self.zone)
        return f"{format_datetime(at, 'HH:mm', locale=self.locale)} {self.offset(at)}"

    def day(self, value: datetime | str, zone: str = "") -> str:
        """Write a day."""
        at = self._aware(value).astimezone(ZoneInfo(zone) if zone else self.zone)
        return format_date(at.date(), "d MMM y", locale=self.locale)

    def birthday(self, value: date) -> str:
        """Write a day that is no instant, and so of no zone."""
        return format_date(value, "d MMM y", locale=self.locale)

    def offset(self, at: datetime) -> str:
        """Write an instant's distance from UTC."""
        text = at.isoformat()[-6:]
        return "UTC" if text == "+00:00" else f"UTC{text}"

    def ago(self, value: datetime | str, now: datetime) -> str:
        """Write how long ago something was, or how far ahead it is."""
        distance = self._aware(value) - now
        return format_timedelta(distance, add_direction=True, locale=self.locale, threshold=1.1)

    def number(self, value: float | Decimal) -> str:
        """Write a number."""
        return format_decimal(value, locale=self.locale)

    def share(self, value: float) -> str:
        """Write a share as a percentage."""
        return format_percent(value, locale=self.locale)

    def money(self, minor: int, currency: str) -> str:
        """Write an amount of money given in minor units."""
        amount = Decimal(minor).scaleb(-scale_of(currency))
        return format_currency(amount, currency, "#,##0.00\u00a0¤¤", locale=self.locale)

    def decimal(self, amount: str, currency: str) -> str:
        """Write an amount of money given as a decimal, with exactly its decimals."""
        places = len(amount.partition(".")[2])
        pattern = "#,##0" + ("." + "0" * places if places else "") + "\u00a0¤¤"
        return format_currency(Decimal(amount), currency, pattern, locale=self.locale, currency_digits=False)

    def amount(self, amount: str) -> str:
        """Write a decimal amount without its currency, with exactly its decimals."""
        places = len(amount.partition(".")[2])
        return format_decimal(Decimal(amount), "#,##0" + ("." + "0" * places if places else ""), locale=self.locale)

    def share_ppm(self, value: int) -> str:
        """Write a share given in parts per million as a percentage."""
        return format_percent(Decimal(value) / 1_000_000, "#,##0.00%", locale=self.locale)

    def country(self, code: str) -> str:
        """Name a country; the code itself where it is none."""
        return self.locale.territories.get(code) or code

    def listed(self, items: Iterable[str]) -> str:
        """Write a list with its last word."""
        return format_list(list(items), locale=self.locale)

    def _aware(self, value: datetime | str) -> datetime:
        return instant.from_fine_text(value) if isinstance(value, str) else value


def name_of(language: str) -> str:
    """A language's name for itself."""
    locale = Locale.parse(language)
    return (locale.get_display_name(language) or language).capitalize()
