"""Double-entry accounts, transfers and holds in integer minor units. Pure."""
