"""Asking a party of another member for its sealing key, and being answered with its card."""

from darwaza.services.sealing.machine import SERVICE

__all__ = ["SERVICE"]
