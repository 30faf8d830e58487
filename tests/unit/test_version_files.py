"""Which files a version is computed from, and what in them counts."""

import pytest

from pipper.core.document import read_toml
from pipper.core.manifest.version_files import VERSION_FILE_LIMIT, VersionFile, version_files

PROJECT = "[project]\nname = 'acme-lab'\ndynamic = ['version']\n"
SETUPTOOLS = PROJECT + "[tool.setuptools.dynamic]\n"


def found(pyproject: str, setup_cfg: str = "") -> list[str]:
    node = read_toml(pyproject.encode(), label="pyproject.toml", limit=2**20)
    return [each.path for each in version_files(node, setup_cfg.encode())]


@pytest.mark.parametrize(
    ("pyproject", "paths"),
    [
        (PROJECT + "[tool.hatch.version]\npath = 'src/acme/__about__.py'\n", ["src/acme/__about__.py"]),
        (PROJECT + "[tool.pdm.version]\nsource = 'file'\npath = 'acme/__init__.py'\n", ["acme/__init__.py"]),
        (SETUPTOOLS + "version = { file = ['VERSION', 'MORE'] }\n", ["VERSION", "MORE"]),
        (SETUPTOOLS + "version = { file = 'VERSION' }\n", ["VERSION"]),
        (
            SETUPTOOLS + "version = { attr = 'acme.about.VERSION' }\n",
            *(
                [
                    "acme/about.py",
                    "acme/about/__init__.py",
                    "src/acme/about.py",
                    "src/acme/about/__init__.py",
                ],
            ),
        ),
        (
            SETUPTOOLS + "version = { attr = 'acme.V' }\n[tool.setuptools.packages.find]\nwhere = ['lib']\n",
            [
                *("acme.py", "acme/__init__.py", "src/acme.py", "src/acme/__init__.py"),
                *("lib/acme.py", "lib/acme/__init__.py"),
            ],
        ),
        (
            PROJECT + "[build-system]\nbuild-backend = 'flit_core.buildapi'\n",
            ["acme_lab.py", "acme_lab/__init__.py", "src/acme_lab.py", "src/acme_lab/__init__.py"],
        ),
        (PROJECT + "[build-system]\nbuild-backend = 'maturin'\n", ["Cargo.toml"]),
        (PROJECT + "[tool.hatch.version]\nsource = 'vcs'\n", []),
        ("[project]\nversion = '1'\n[tool.hatch.version]\npath = 'a.py'\n", []),
    ],
)
def test_the_configuration_of_the_backend_names_them(pyproject: str, paths: list[str]) -> None:
    assert found(pyproject) == paths


ATTR = SETUPTOOLS + "version = { attr = 'acme.about.V' }\n[tool.setuptools.package-dir]\n"
LIB = ["lib/about.py", "lib/about/__init__.py"]


def test_the_folder_of_a_package_may_be_named_by_itself() -> None:
    assert found(ATTR + "acme = 'lib'\n")[:2] == LIB
    assert found(ATTR + "'acme.about' = 'lib/it'\n")[:2] == ["lib/it.py", "lib/it/__init__.py"]
    assert found(ATTR + "ac = 'lib'\nabout = 'lib'\n") == found(ATTR)
    assert "lib/acme/about.py" in found(ATTR + "'' = 'lib'\n")
    assert found(ATTR + "acme = '../lib'\n") == found(ATTR)


@pytest.mark.parametrize(
    ("package_dir", "path"),
    [
        ("package_dir = =lib", "lib/acme.py"),
        ("package_dir: = lib", "lib/acme.py"),
        ("package-dir =\n    = lib\n    other = x", "lib/acme/__init__.py"),
        ("package_dir =\n    # ours\n\tacme = lib", "lib/__init__.py"),
        ("package_dir = other=x, acme=lib\nzip_safe = no", "lib.py"),
    ],
)
def test_setup_cfg_names_the_folders_of_packages_too(package_dir: str, path: str) -> None:
    text = f"[metadata]\nversion = attr: acme.__version__\n[options]\n{package_dir}\ninclude = {{}}\n"
    assert path in found("", text)
    assert path in found(SETUPTOOLS + "version = { attr = 'acme.V' }\n", f"[options]\n{package_dir}\n")


def test_setup_cfg_names_them_too() -> None:
    assert found("", "[metadata]\nversion = file: VERSION.txt, more.txt\n") == ["VERSION.txt", "more.txt"]
    assert found("", "[metadata]\nversion = attr: acme.__version__\n")[:2] == ["acme.py", "acme/__init__.py"]
    assert found("", "[metadata]\nversion = 1.0\n") == []


@pytest.mark.parametrize("path", ["../up.py", "/etc/passwd", "a/../../b", "C:/x.py", "", "a\\u0000b"])
def test_T05_a_path_that_leads_elsewhere_is_not_among_them(path: str) -> None:
    assert found(f'{PROJECT}[tool.hatch.version]\npath = "{path}"\n') == []


MODULE = VersionFile(path="acme/__init__.py", names=frozenset({"__version__"}))


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("import os\n__version__: str = '1.0'  # now\nX = 1\n", "__version__: str = '1.0'"),
        ("X = 1\n__version__ = '.'.join(X)\n", "X = 1\n__version__ = '.'.join(X)\n"),
        ("from ._v import __version__\n", "from ._v import __version__\n"),
        ("__version__ = '1\n", "__version__ = '1\n"),
        (f"__version__ = '1'\n{'#' * VERSION_FILE_LIMIT}", f"__version__ = '1'\n{'#' * VERSION_FILE_LIMIT}"),
    ],
    ids=["a plain value", "a computed one", "an import", "no Python", "too large"],
)
def test_only_a_plain_assignment_counts_of_a_module_and_else_all_of_it(text: str, counts: str) -> None:
    assert MODULE.part(text.encode()) == counts.encode()


def test_all_of_a_file_that_is_no_module_counts() -> None:
    assert VersionFile(path="VERSION", names=frozenset({"x"})).part(b"x = 1\ny = 2\n") == b"x = 1\ny = 2\n"
    assert VersionFile(path="about.py").part(b"x = 1\ny = 2\n") == b"x = 1\ny = 2\n"
