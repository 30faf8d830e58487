"""A build backend (PEP 517) for one pure project, in the place of setuptools where there is no network.

Its wheel has the modules and packages that lie beside `pyproject.toml`.
"""

import base64
import hashlib
import tomllib
import zipfile
from pathlib import Path


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None, version=None):
    modules = [*Path().glob("*.py"), *Path().glob("*/**/*.py")]
    return _write(wheel_directory, {path.as_posix(): path.read_bytes() for path in modules}, version)


def _project():
    return tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]


def _write(wheel_directory, members, version=None):
    project = _project()
    project["version"] = version or project["version"]
    stem = f"{project['name'].replace('-', '_')}-{project['version']}"
    metadata = [f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"]
    metadata += [f"Requires-Dist: {each}\n" for each in project.get("dependencies", ())]
    for extra, requires in project.get("optional-dependencies", {}).items():
        metadata += [f"Provides-Extra: {extra}\n"]
        metadata += [f"Requires-Dist: {each} ; extra == '{extra}'\n" for each in requires]
    members[f"{stem}.dist-info/METADATA"] = "".join(metadata).encode()
    members[f"{stem}.dist-info/WHEEL"] = (
        b"Wheel-Version: 1.0\nGenerator: tiny\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    scripts = "".join(f"{name} = {value}\n" for name, value in project.get("scripts", {}).items())
    members[f"{stem}.dist-info/entry_points.txt"] = f"[console_scripts]\n{scripts}".encode()
    record = "".join(f"{name},sha256={_digest(data)},{len(data)}\n" for name, data in members.items())
    members[f"{stem}.dist-info/RECORD"] = f"{record}{stem}.dist-info/RECORD,,\n".encode()
    with zipfile.ZipFile(Path(wheel_directory, f"{stem}-py3-none-any.whl"), "w") as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name, (2020, 2, 2, 0, 0, 0)), data)
    return f"{stem}-py3-none-any.whl"


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    return _write(wheel_directory, {f"{_project()['name']}.pth": f"{Path().absolute()}\n".encode()})


def _digest(data):
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


class __legacy__:  # noqa: N801 - the name that PEP 517 front ends ask for
    build_wheel = staticmethod(build_wheel)
