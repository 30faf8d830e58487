"""Make an environment match a lock."""
