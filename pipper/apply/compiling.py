"""Runs inside a target interpreter, by path, on Python 3.9 and later: compiles the modules that stdin names.

Each path ends in NUL, those that come and those that are the answer: of modules that do not compile. Byte code
that is up to date is left as it is.
"""

from __future__ import annotations

import compileall
import os
import sys


def main() -> None:
    """Read paths to the end, compile, and name what failed."""
    for path in sys.stdin.buffer.read().split(b"\0"):
        if path and not compileall.compile_file(os.fsdecode(path), quiet=2):
            sys.stdout.buffer.write(path + b"\0")


if __name__ == "__main__":
    main()
