"""A store in a plain directory."""
