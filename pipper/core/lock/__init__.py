"""The lock: its value, its text, and what is computed from it."""
