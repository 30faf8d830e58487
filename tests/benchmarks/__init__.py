"""How long whole commands take, beside other tools on the same wheels: `python -m tests.benchmarks --help`.

- `wheelsets`: the wheels: many small ones made here, and thirty real ones that pip fetches
- `servers`: a simple index and an S3 endpoint in one process of their own, and a shim that adds a round trip
- `tool`, `tools`: how each tool is asked to lock and to sync; `peers`: environments for tools of other projects
- `scale`: how commands grow with what they work on, at several sizes; `scale_places` makes that
- `report`, `chart`: figures as tables, in a page, and as a picture; `facts`: what they were taken under
"""
