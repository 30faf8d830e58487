"""Building wheels from source trees (PEP 517)."""
