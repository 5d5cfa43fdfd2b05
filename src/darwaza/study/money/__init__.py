"""Is it worth it, for whom, and can it pay its debts: economic and financial analysis, base case and Monte Carlo.

Everything works on arrays of shape (runs, years), so the base case is a Monte Carlo of one run through the same code.
"""
