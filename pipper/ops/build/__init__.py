"""Build wheels: in environments that are locked and installed like those of projects."""
