"""The cache: files by hash, unpacked wheels, and downloads into it."""
