"""A simple index (PEP 503, PEP 691) as a source."""
