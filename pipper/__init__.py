"""pipper: a private Python package manager on an S3 bucket or a directory, with no server.

Modules, from the bottom up; each imports from its own layer or below:

- `errors`: one tree of errors; the class is the exit code.
- `core`: values and pure functions: `requirement`, `manifest` (and `manifestedit`), `lockfile` (`lockreader`,
  `lockwriter`, `lockdiff`, `lockmerge`; `pylock` for PEP 751), `layout` and `page` (what a repository holds),
  `target` (which wheels fit), `selection`, `plan`, `graph`, `ports` (Store, Source, Reporter).
- `storage`: Store adapters, `s3` and `directory`. `sources`: Source adapters, `repository` over a Store (written by
  `publisher`) and `index`.
- `artifacts`: `wheel` (the gate), `bundle` (the `.pipper` file), `build` (PEP 517).
- `environment`, `interpreter`, `cache`, `config`, `transfer`, `web`, `parallel`: the machine and the network.
- `solve`: requirements -> exact versions. `apply`: plan -> changed environment, whole or not at all.
- `ops`: what a command does, values in, values out. `cli`: options in, one ops call, rendering out.

Files on disk: `pipper.toml` or `pyproject.toml` (the manifest) and `pipper.lock` in a project; `.pipper/` at the
root of an environment (journal, stamp, applied and previous lock; its own manifest and lock where it is its own
project); the cache (`PIPPER_CACHE_DIR`); and `~/.pipper/repositories.json` (named repositories).
"""

__version__ = "1.0.0"
