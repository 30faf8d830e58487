"""Print the facts of the interpreter that runs this file as one line of JSON.

The file runs by its path in a target interpreter, on Python 3.9 and later. It imports only the standard
library.
"""

from __future__ import annotations

import json
import os
import platform
import re
import struct
import subprocess
import sys
import sysconfig

VENV = "@VENV@"
"""The placeholder in `venv_paths` for the folder of a virtual environment."""


def facts() -> dict[str, object]:
    """Return all that pipper needs to know of an interpreter; paths as `sysconfig` returns them."""
    schemes = sysconfig.get_scheme_names()
    return {
        "implementation": sys.implementation.name,
        "version": list(sys.version_info[:3]),
        "threading": "t" if sysconfig.get_config_var("Py_GIL_DISABLED") else "",
        "platform": platform_tag(),
        "markers": markers(),
        "executable": sys.executable,
        "prefix": sys.prefix,
        "base_prefix": sys.base_prefix,
        "base_executable": getattr(sys, "_base_executable", None) or sys.executable,
        "stdlib": sysconfig.get_path("stdlib"),
        "paths": sysconfig.get_paths(),
        "user_paths": sysconfig.get_paths(user_scheme()),
        "venv_paths": sysconfig.get_paths(
            venv_scheme(schemes), vars={"base": VENV, "platbase": VENV, "installed_base": VENV}
        ),
    }


def venv_scheme(schemes: tuple[str, ...]) -> str:
    """Return the name of the scheme of virtual environments; Python < 3.11 has none of its own for them."""
    if "venv" in schemes:
        return "venv"
    return "nt" if os.name == "nt" else "posix_prefix"


def user_scheme() -> str:
    """Return the name of the user scheme of this interpreter."""
    if hasattr(sysconfig, "get_preferred_scheme"):
        return sysconfig.get_preferred_scheme("user")
    if sys.platform == "darwin" and sysconfig.get_config_var("PYTHONFRAMEWORK"):
        return "osx_framework_user"
    return os.name + "_user"


def markers() -> dict[str, str]:
    """Return the environment markers of PEP 508."""
    own = sys.implementation.version
    serial = "" if own.releaselevel == "final" else own.releaselevel[0] + str(own.serial)
    return {
        "implementation_name": sys.implementation.name,
        "implementation_version": "{}.{}.{}".format(*own[:3]) + serial,
        "os_name": os.name,
        "platform_machine": platform.machine(),
        "platform_python_implementation": platform.python_implementation(),
        "platform_release": platform.release(),
        "platform_system": platform.system(),
        "platform_version": platform.version(),
        "python_full_version": platform.python_version(),
        "python_version": "{}.{}".format(*sys.version_info[:2]),
        "sys_platform": sys.platform,
    }


def platform_tag() -> str:
    """Return the platform tag (PEP 425, 600, 656) with the actual version of the libc or the system."""
    plain = re.sub(r"[-. ]", "_", sysconfig.get_platform())
    if sys.platform == "darwin":
        return mac_tag()
    if not plain.startswith("linux_"):
        return plain
    machine = plain[len("linux_") :]
    if struct.calcsize("P") == 4:
        machine = {"x86_64": "i686", "aarch64": "armv8l"}.get(machine, machine)
    glibc = glibc_version()
    if glibc:
        return f"manylinux_{glibc}_{machine}"
    musl = musl_version()
    return f"musllinux_{musl}_{machine}" if musl else f"linux_{machine}"


def mac_tag() -> str:
    """Return the tag of this macOS; a python built against an old SDK reports 10.16 and has to ask again."""
    version, _, machine = platform.mac_ver()
    if version.startswith("10.16"):
        version = subprocess.check_output(
            [sys.executable, "-I", "-S", "-c", "import platform; print(platform.mac_ver()[0])"],
            env={"SYSTEM_VERSION_COMPAT": "0"},
            text=True,
        )
    major, minor = [int(part) for part in (version.strip() + ".0").split(".")[:2]]
    return f"macosx_{major}_{minor if major == 10 else 0}_{machine}"


def glibc_version() -> str:
    """Return `2_36` for glibc 2.36, or an empty text for another C library."""
    try:
        found = re.match(r"glibc (\d+)\.(\d+)", os.confstr("CS_GNU_LIBC_VERSION") or "")
    except (AttributeError, ValueError, OSError):
        return ""
    return f"{found.group(1)}_{found.group(2)}" if found else ""


def musl_version() -> str:
    """Return `1_2` for musl 1.2 from its loader, which the executable names, or an empty text."""
    with open(sys.executable, "rb") as stream:
        loader = re.search(rb"/lib/ld-musl-[\w.-]+", stream.read(65536))
    if loader is None:
        return ""
    usage = subprocess.run([loader.group().decode()], stderr=subprocess.PIPE, text=True, check=False).stderr
    found = re.search(r"Version (\d+)\.(\d+)", usage)
    return f"{found.group(1)}_{found.group(2)}" if found else ""


if __name__ == "__main__":
    print(json.dumps(facts()))  # noqa: T201 - the calling process reads this line
