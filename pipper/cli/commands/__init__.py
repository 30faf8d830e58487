"""One module per command: options in, one operation, rendering out."""
