"""The zip format, checked byte by byte (APPNOTE 6.3.10)."""
