"""Program for a target interpreter (Python 3.9 and later), run by its path: compiles the modules named on stdin.

Writes the paths of modules that do not compile to stdout. Each path, in both directions, ends in NUL. Skips
modules whose bytecode is up to date.
"""

from __future__ import annotations

import compileall
import os
import sys


def main() -> None:
    """Read all paths, compile the modules and write the paths of those that fail."""
    for path in sys.stdin.buffer.read().split(b"\0"):
        if path and not compileall.compile_file(os.fsdecode(path), quiet=2):
            sys.stdout.buffer.write(path + b"\0")


if __name__ == "__main__":
    main()
