"""The layout of a repository: keys, project pages, and the kinds of objects below its root."""
