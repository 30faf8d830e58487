"""Wheels and bundles: reading, checking and writing them."""
