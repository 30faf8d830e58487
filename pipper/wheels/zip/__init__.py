"""A reader of zips that checks every byte (APPNOTE 6.3.10)."""
