"""The operating system: files, locks, threads and processes."""
