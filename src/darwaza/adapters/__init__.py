"""Concrete technology behind the ports, one package per technology."""
