"""Manifest edits, each followed by lock and sync."""
