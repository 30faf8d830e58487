"""The lock: its value, its text, and what pipper computes from it."""
