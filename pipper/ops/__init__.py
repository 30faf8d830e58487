"""The operation of each command, as functions from values to values; no module here prints."""
