"""Measures Darwaza; see README.md."""
