"""Publishing into a repository, checking and repairing it."""
