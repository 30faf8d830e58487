"""Members of a workspace for the benchmark: projects whose backend is beside them, so that a build needs no index."""

from pathlib import Path

from tests.benchmarks.wheelsets import MEMBER_VERSION, WheelSet

FOLDER = "members"

_BACKEND = """\
import base64
import hashlib
import zipfile


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    return _build(wheel_directory, {{"{module}.pth": "{folder}\\n"}})


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    return _build(wheel_directory, {{"{module}.py": "VALUE = 1\\n"}})


def _build(folder, files):
    info = "{module}-{version}.dist-info/"
    files[info + "METADATA"] = "{metadata}"
    files[info + "WHEEL"] = "Wheel-Version: 1.0\\nGenerator: bench\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
    record = "".join(_line(name, text.encode()) for name, text in files.items())
    files[info + "RECORD"] = record + info + "RECORD,,\\n"
    with zipfile.ZipFile(folder + "/{module}-{version}-py3-none-any.whl", "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)
    return "{module}-{version}-py3-none-any.whl"


def _line(name, data):
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    return f"{{name}},sha256={{digest}},{{len(data)}}\\n"
"""


def write_members(wheels: WheelSet, project: Path) -> None:
    """Write the members of a set below a project; each requires one package of the set."""
    for number, name in enumerate(wheels.members):
        folder, module = project / FOLDER / name, name.replace("-", "_")
        folder.mkdir(parents=True, exist_ok=True)
        needed = sorted(wheels.answer)[number % len(wheels.answer)]
        metadata = (
            f"Metadata-Version: 2.1\\nName: {name}\\nVersion: {MEMBER_VERSION}\\nRequires-Dist: {needed}\\n"
        )
        (folder / f"{module}.py").write_text("VALUE = 1\n")
        (folder / "pyproject.toml").write_text(
            f'[project]\nname = "{name}"\nversion = "{MEMBER_VERSION}"\ndependencies = ["{needed}"]\n\n'
            '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        )
        (folder / "backend.py").write_text(
            _BACKEND.format(module=module, folder=folder, version=MEMBER_VERSION, metadata=metadata)
        )
