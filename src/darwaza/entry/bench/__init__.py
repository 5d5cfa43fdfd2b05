"""Measures real gateways: separate processes, TLS, fsync, on this machine."""
