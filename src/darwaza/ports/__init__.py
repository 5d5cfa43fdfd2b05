"""What the engine needs of the world, as small protocols whose docstrings are the contract."""
