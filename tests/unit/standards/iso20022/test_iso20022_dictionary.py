"""The definitions rebuilt from the package are those ISO 20022 publishes."""

from pathlib import Path

import msgspec
import pytest
from tests.unit.standards.iso20022.xsd import definition_from

from darwaza.errors import OperatorError
from darwaza.standards.iso20022 import dictionary, identification
from darwaza.standards.iso20022.definition import ComplexType
from darwaza.standards.iso20022.message import MESSAGES
from darwaza.standards.iso20022.schema import xsd_text


def test_every_message_is_pinned() -> None:
    """No message is read under a schema whose content is not fixed."""
    assert set(dictionary.PINS) == set(MESSAGES)


@pytest.mark.parametrize("message", MESSAGES)
def test_the_rebuilt_definition_is_the_pinned_one(message: str) -> None:
    """The package, read with our rules, says what ISO's schema says; or the process does not start."""
    assert dictionary.definition_of(message).digest() == dictionary.PINS[message]


@pytest.mark.parametrize("message", sorted(set(MESSAGES) - set(identification.ROOTS)))
def test_the_pin_is_the_published_schemas(message: str, shared_data: Path) -> None:
    """The digests were taken from the schemas themselves."""
    published = definition_from(shared_data / "iso20022" / "xsd" / f"{message}.xsd")
    assert published.digest() == dictionary.PINS[message]


@pytest.mark.parametrize("message", MESSAGES)
def test_writing_a_schema_loses_nothing(message: str) -> None:
    """A definition written as XML Schema and read again is the same definition."""
    definition = dictionary.definition_of(message)
    assert definition_from(xsd_text(definition)).digest() == definition.digest()


def test_another_definition_has_another_digest() -> None:
    """The digest sees a bound, an order and a branch: what a changed package could change."""
    definition = dictionary.definition_of("admi.002.001.01")
    reason = definition.types["RejectionReason2"]
    for changed in (
        ComplexType("choice", reason.children),
        ComplexType("sequence", reason.children[::-1]),
        ComplexType("sequence", reason.children[:-1]),
    ):
        types = definition.types | {"RejectionReason2": changed}
        assert msgspec.structs.replace(definition, types=types).digest() != definition.digest()


def test_a_changed_package_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """A definition with another digest is never used."""
    monkeypatch.setitem(dictionary.PINS, "admi.002.001.01", "0" * 64)
    with pytest.raises(OperatorError) as caught:
        dictionary.definition_of("admi.002.001.01")
    assert caught.value.code == "schema_not_as_published"


def test_a_missing_package_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package nothing is guessed."""
    monkeypatch.setattr(dictionary, "PACKAGE", "no_such_package")
    with pytest.raises(OperatorError) as caught:
        dictionary.definition_of("admi.002.001.01")
    assert caught.value.code == "schema_package_missing"
