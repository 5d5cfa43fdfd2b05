"""Sample movements, payments and documents: for the demo, the benches and tests."""
