"""The manifest: the requirements of a project as a value, and reading and editing its text."""
