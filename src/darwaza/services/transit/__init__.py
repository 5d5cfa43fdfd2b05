"""Carry goods under seal across several members: movements, guarantees, papers that verify offline.

``machine`` holds the services; ``movement``, ``leg``, ``guarantee``, ``closure`` the values; ``paper`` and ``posted``
what travels with the truck. Data come as parsed mappings: ``regime``, ``crossing``, ``hs``.
"""
