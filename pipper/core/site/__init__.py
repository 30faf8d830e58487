"""The site of a repository: pages for people that are simple API (PEP 503) for installers at the same time."""
