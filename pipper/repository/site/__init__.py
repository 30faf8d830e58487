"""The site of a repository in its store: made, and kept up to date."""
