"""A repository's layout: keys, project pages, and what the objects below its root are."""
