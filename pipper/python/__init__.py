"""Python interpreters and the environments they belong to."""
