"""eTIR-shaped messages: what customs, holders and guarantee chains tell each other about a transit.

``codes`` holds the error classes and codes, ``value`` the parts, ``external`` the E pairs, ``internal`` the I pairs,
``wire`` the canonical JSON form.
"""
