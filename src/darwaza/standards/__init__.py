"""Wire formats of others, turned into domain values and back."""
