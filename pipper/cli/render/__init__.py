"""Render results as lines for people and as documents for programs (`--json`)."""
