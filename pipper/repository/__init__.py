"""A repository: read as a source, written by publishing, surveyed for checks."""
