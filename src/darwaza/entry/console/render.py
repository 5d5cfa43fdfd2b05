"""Templates: one environment a language, everything escaped, so no name, remark or file breaks out."""

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from darwaza.entry.console import word
from darwaza.entry.console.language import LANGUAGES, name_of, translations

TEMPLATE_FOLDER = Path(__file__).parent / "templates"
STATIC_FOLDER = Path(__file__).parent / "static"


@cache
def environment(language: str) -> Environment:
    """The templates in a language."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATE_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
        auto_reload=False,
    )
    made.install_gettext_translations(translations(language), newstyle=True)  # type: ignore[attr-defined]
    made.globals |= {"languages": [(code, name_of(code)) for code in LANGUAGES], "tone": word.tone}
    made.filters |= {"short": short}
    return made


def short(text: str) -> Markup:
    """Write a long identifier with its middle left out; all of it stands in the title."""
    if len(text) <= 14:  # noqa: PLR2004 - shorter than its own abbreviation
        return Markup("<code>{}</code>").format(text)
    return Markup('<code title="{}">{}…{}</code>').format(text, text[:8], text[-4:])


def apart(text: str) -> Markup:
    """A date or a name, which keeps together among words and numbers of the other direction."""
    return Markup("<bdi>{}</bdi>").format(text)


def isolated(text: str) -> Markup:
    """A number with its unit, read from left to right whatever is around it (Unicode UAX #9, section 6.3)."""
    return Markup('<bdi dir="ltr">{}</bdi>').format(text)


def render(language: str, template: str, context: dict[str, Any]) -> str:
    """Fill a template."""
    return environment(language).get_template(template).render(context)
