"""From a lock to an environment."""
