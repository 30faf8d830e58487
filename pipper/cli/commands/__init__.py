"""One module a command: options in, one operation, rendering out."""
