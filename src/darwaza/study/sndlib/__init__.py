"""SNDlib: reading its native format and solving its models, the oracle of the design method.

SNDlib (Orlowski, Wessaely, Pioro, Tomaszewski: "SNDlib 1.0 - Survivable Network Design Library", Networks 55, 2010)
is the field's public set of network design problems. What this package proves on it, the corridor design inherits.
"""
