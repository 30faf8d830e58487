"""How long whole commands take, beside other tools on the same wheels: `python -m tests.benchmarks --help`.

- `servers`: a simple index and an S3 endpoint in one process of their own, and a shim that adds a round trip
- `tools`: how each tool is asked to lock and to sync
- `report`: figures as a table, as Markdown, as a picture
"""
