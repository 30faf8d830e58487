"""The commands that publish into a repository, check it and repair it."""
