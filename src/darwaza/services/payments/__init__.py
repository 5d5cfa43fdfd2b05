"""Instant payments across borders: quotes, accounts, the payment itself in ISO 20022, and its certain end."""

from darwaza.services.payments.machine import service
from darwaza.services.payments.plan import Directory, Plan, opening

__all__ = ["Directory", "Plan", "opening", "service"]
