"""Make a lock from a manifest."""
