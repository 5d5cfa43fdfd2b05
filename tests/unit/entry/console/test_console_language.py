"""The catalogues: complete, equal to the source, with the same places for values."""

import re

import pytest
from tools.catalogue import extract, read, updated

from darwaza.entry.console import word
from darwaza.entry.console.language import DEFAULT, LANGUAGES, Reader, catalogue_path, choose
from darwaza.ledger.transfer import Phase

OTHERS = [language for language in LANGUAGES if language != DEFAULT]
PLACES = re.compile(r"%\(\w+\)s")


@pytest.mark.parametrize("language", OTHERS)
def test_no_text_is_untranslated(language):
    """Whoever adds a text translates it; whoever removes one removes it everywhere."""
    catalogue = read(language)
    wanted = {message.id for message in extract() if message.id}
    assert {message.id for message in catalogue if message.id} == wanted
    for message in catalogue:
        if message.id:
            texts = [message.string] if isinstance(message.id, str) else list(message.string)
            assert all(texts), message.id
            assert not message.fuzzy, message.id
    assert catalogue_path(language).read_bytes() == updated(language), "run: python tools/catalogue.py"


@pytest.mark.parametrize("language", OTHERS)
def test_translations_have_the_places_of_their_source(language):
    """A value that is missing in a translation would be missing on the page."""
    for message in read(language):
        if not message.id:
            continue
        plural = not isinstance(message.id, str)
        source = set(PLACES.findall(message.id[1] if plural else message.id))
        for text in message.string if plural else (message.string,):
            assert set(PLACES.findall(text)) == source, message.id
            assert not re.search(r"[<>]", text), message.id


def test_readers_get_their_own_numbers_dates_and_names():
    """CLDR's way of writing, not ours."""
    assert Reader("ru").money(1_234_567, "EUR") == "12\N{NO-BREAK SPACE}345,67\N{NO-BREAK SPACE}EUR"
    assert Reader("en").money(1_234_567, "EUR") == "12,345.67\N{NO-BREAK SPACE}EUR"
    assert Reader("ur").country("PK") == "پاکستان"
    assert Reader("ru").at("2026-11-28T12:00:00.000Z", "Asia/Karachi") == "28 нояб. 2026, 17:00 UTC+05:00"
    assert Reader("en").at("2026-11-28T12:00:00.000Z") == "28 Nov 2026, 12:00 UTC"
    assert (Reader("ur").direction, Reader("ru").direction) == ("rtl", "ltr")


@pytest.mark.parametrize(
    ("wanted", "accepted", "chosen"),
    [
        (("ur", "ru"), "en", "ur"),
        (("", ""), "ru-RU,ru;q=0.9,en;q=0.8", "ru"),
        (("xx", ""), "de;q=0.9, ur;q=0.2", "ur"),
        (("", ""), ";q=,;;,q=9,ur;q=x", "en"),
        (("", ""), "", "en"),
    ],
)
def test_the_language_is_chosen(wanted, accepted, chosen):
    """Own choice, then the account's, then the browser's, then English."""
    assert choose(wanted, accepted) == chosen


def test_every_kind_of_booking_is_called_by_a_word_of_the_language():
    """A statement shows no name out of the code."""
    assert word.PHASE.keys() == {one.value for one in Phase}
    for language in LANGUAGES:
        if language != DEFAULT:
            told = {message.id: message.string for message in read(language)}
            assert all(told[text] not in ("", text) for text in word.PHASE.values()), language
