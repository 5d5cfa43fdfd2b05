"""Darwaza: the software of a digital corridor between countries."""

__version__ = "0.1.0"
