"""Converting the manifests of other tools to `pipper.toml`."""
