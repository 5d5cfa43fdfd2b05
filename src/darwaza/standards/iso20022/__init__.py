"""ISO 20022 messages: bytes into typed values and back, validated by the published schemas.

``message`` is the front door (``read``, ``write``, ``prepare``, ``MESSAGES``); the values are in one module per message
(``pacs008``, ``pacs002`` ...) over ``part``, ``party``, ``payment`` and ``amount``. ``conversion`` turns the two
versions of pacs.008 into each other, ``rejection`` answers what cannot be read, ``codes`` holds external codes with
their meaning, ``identifier`` checks IBAN, BIC and LEI. Underneath, ``dictionary`` reads the message definitions,
``schema`` compiles them, ``shape``, ``reading`` and ``writing`` join values to them, ``document`` parses untrusted
bytes. Which messages, which versions and which checks: docs/reference/iso20022.md.
"""
