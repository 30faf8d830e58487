"""Scripts that the installer writes: those of entry points, and the first line of others."""

import os
import shlex
import sys
from pathlib import Path

from pipper.wheels.entry_points import EntryPoint

SCRIPT_SUFFIX = ".exe" if sys.platform == "win32" else ""
_SCRIPT = """\
import sys
from {module} import {first}
if __name__ == "__main__":
    sys.exit({attr}())
"""
_LONGEST_SHEBANG = 127
"""The number of bytes that Linux reads; other systems read more."""


def script_of(entry: EntryPoint, executable: Path) -> bytes:
    """Return the script for an entry point (entry points specification); its name ends in `SCRIPT_SUFFIX`."""
    if sys.platform == "win32":
        # Only Windows needs a launcher, and the import takes 50 ms.
        from installer.scripts import Script  # noqa: PLC0415 - see above
        from installer.utils import get_launcher_kind  # noqa: PLC0415 - see above

        script = Script(entry.name, entry.module, entry.attr, entry.kind)
        return script.generate(str(executable), get_launcher_kind())[1]
    body = _SCRIPT.format(module=entry.module, first=entry.attr.partition(".")[0], attr=entry.attr)
    return shebang(executable) + body.encode()


def with_interpreter(content: bytes, executable: Path) -> bytes:
    """Return a script with its `#!python` line replaced by one for the environment's interpreter (PEP 427)."""
    first, newline, rest = content.partition(b"\n")
    if not first.startswith(b"#!python"):
        return content
    if first.startswith(b"#!pythonw") and os.name == "nt":
        executable = executable.with_name(executable.name.replace("python", "pythonw"))
    return shebang(executable) + (rest if newline else b"")


def shebang(executable: Path) -> bytes:
    """Return the first line or lines of a script that start it with this interpreter."""
    path = str(executable)
    if path.split() == [path] and len(os.fsencode(path)) + 3 <= _LONGEST_SHEBANG:
        return b"#!%b\n" % os.fsencode(path)
    # The kernel supports neither quoting nor long lines, so a shell starts Python, which sees a string here.
    return b"#!/bin/sh\n'''exec' %b \"$0\" \"$@\"\n' '''\n" % os.fsencode(shlex.quote(path))
