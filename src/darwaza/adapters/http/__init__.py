"""HTTPS between gateways."""
