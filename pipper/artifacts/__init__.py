"""Wheels and bundles: is this file what it claims, and how is one built."""
