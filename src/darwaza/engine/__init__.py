"""Batches, transactions, timers and recovery: what turns inputs into committed cases and messages."""
