"""Pure core: members, messages, logs, proofs and the service contract. No I/O, no clock, no randomness."""
