"""Doubles of ports that live in memory: for tests and simulations, which must not be fooled by a tolerant fake."""
