"""Web pages for the people who work in the corridor, over the same handlers as the HTTP interface. Optional extra."""

from importlib.util import find_spec

LIBRARIES = ("argon2", "babel", "jinja2", "python_multipart")


def installed() -> bool:
    """Tell whether what the console needs is there: ``pip install 'darwaza[console]'``."""
    return all(find_spec(name) is not None for name in LIBRARIES)
