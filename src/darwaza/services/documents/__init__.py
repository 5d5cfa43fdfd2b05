"""Registered delivery of documents of any kind: the smallest honest user of the service contract."""

from darwaza.services.documents.machine import SERVICE

__all__ = ["SERVICE"]
