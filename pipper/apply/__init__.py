"""From a plan to a changed environment, whole or not at all."""
