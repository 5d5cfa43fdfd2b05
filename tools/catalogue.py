"""Keeps the console's gettext catalogues equal to its source: ``python tools/catalogue.py`` extracts and merges.

New texts come in untranslated and old ones go; a test fails until everything is translated. To add a language, add its
code to ``darwaza.entry.console.language.LANGUAGES`` and run this.
"""

import io
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from darwaza.entry.console.language import DEFAULT, DOMAIN, LANGUAGES, catalogue_path

ROOT = Path(__file__).resolve().parent.parent / "src" / "darwaza" / "entry" / "console"
METHODS = [("**.py", "python"), ("templates/**.html", "jinja2.ext.babel_extract")]
OPTIONS = {"templates/**.html": {"trim_blocks": "true", "lstrip_blocks": "true", "newstyle_gettext": "true"}}
KEYWORDS = {"_": None, "N_": None, "ngettext": (1, 2)}

NOISE = (b'"POT-Creation', b'"PO-Revision', b'"Report-Msgid', b'"Last-Trans', b'"Language-Team', b'"Generated-By')
"""Header fields that would change with every run or say nothing."""


def extract() -> Catalog:
    """Every text of the console, as it stands in the source."""
    template = Catalog(project="Darwaza", charset="utf-8")
    found = extract_from_dir(ROOT, METHODS, OPTIONS, keywords=KEYWORDS)
    for name, _, message, comments, context in sorted(found, key=lambda item: (item[0], item[1])):
        template.add(message, None, [(name, 0)], auto_comments=comments, context=context)
    return template


def read(language: str) -> Catalog:
    """A language's catalogue as it stands."""
    path = catalogue_path(language)
    if not path.exists():
        return Catalog(locale=language, project="Darwaza", charset="utf-8")
    with path.open("rb") as file:
        return read_po(file, locale=language)


def updated(language: str) -> bytes:
    """A language's catalogue brought up to the source."""
    catalogue = read(language)
    catalogue.update(extract(), no_fuzzy_matching=True, update_creation_date=False)
    catalogue.obsolete.clear()
    catalogue.header_comment = f"# Texts of Darwaza's console: {language}."
    catalogue.fuzzy = False
    out = io.BytesIO()
    write_po(out, catalogue, width=120, omit_header=False, include_lineno=False, no_location=True, sort_output=True)
    kept = [line for line in out.getvalue().splitlines(keepends=True) if not line.startswith(NOISE)]
    return b"".join(kept)


def main() -> None:
    """Write every catalogue."""
    for language in LANGUAGES:
        if language != DEFAULT:
            path = catalogue_path(language)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(updated(language))
            catalogue = read(language)
            missing = [message.id for message in catalogue if message.id and not message.string]
            print(f"{DOMAIN} {language}: {len(catalogue)} texts, {len(missing)} untranslated")


if __name__ == "__main__":
    main()
