"""Keys in files that only their owner can read."""
