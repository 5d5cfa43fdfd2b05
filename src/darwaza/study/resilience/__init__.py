"""How often traffic gets through: exact where it can be, sampled where it cannot, and past events replayed."""
