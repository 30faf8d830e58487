"""Questions about environment, lock and repositories; nothing is changed."""
