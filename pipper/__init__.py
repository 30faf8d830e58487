"""pipper: a private Python package manager that needs no server: packages live in an S3 bucket or a directory.

The layers, from the bottom up. A module imports from layers below its own and from its own part, never from a
neighbour in its layer; `tests/unit/test_layers.py` enforces it.

0. `errors`: one tree of errors; the class determines the exit code.
1. `core`: values and pure functions. `core.manifest` (the requirements of a project), `core.lock` (exact
   versions and files), `core.layout` (the keys and pages of a repository), `core.site` (its pages for people),
   `target` (which wheels fit), `plan`, and the ports: Store, Source, BuildEnvironments, Reporter.
2. `system`: files, locks, threads and processes of the operating system.
3. `http`: one HTTP client. `python`: interpreters and environments. `wheels`: the wheel gate (`wheels.gate`),
   bundles, RECORD, METADATA, and the zip format (`wheels.zip`).
4. `storage`: the Store adapters, `storage.directory` and `storage.s3`. `cache`: files by hash, unpacked wheels,
   downloads.
5. The Source adapters `repository` (over a Store) and `index` (PEP 503, PEP 691). `solve`: from requirements to
   exact versions; pure, like `core`.
6. `build`: wheels from source trees (PEP 517, PEP 660). `apply`: from a plan to a changed environment, whole or
   not at all.
7. `ops`: the operation of each command, from values to values. `ops.lock` makes a lock, `ops.sync` makes an
   environment match it, `ops.edit` edits a manifest and does both, `ops.share` writes locks and wheels for others,
   `ops.build` makes the environments of build backends, `ops.repository` publishes, checks and repairs,
   `ops.query` answers questions, `ops.context` finds the project, environment, repositories and index of a command.
8. `cli`: parses options, calls one operation, renders its result. One module per command in `cli.commands`.

Files on disk: `pipper.toml` or `pyproject.toml` (the manifest) and `pipper.lock` in a project; `.pipper/` at the
root of an environment (journal, stamp, applied and previous lock; its own manifest and lock if it is its own
project); the cache (`PIPPER_CACHE_DIR`); `~/.pipper/repositories.json` (named repositories) and
`~/.pipper/cache-key` (the seal of the cache).
"""

__version__ = "1.0.0"
