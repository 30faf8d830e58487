"""Manifests of other tools, read into a first `pipper.toml`."""
