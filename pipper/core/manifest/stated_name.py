"""The name of a project without `[project]`: that of Poetry, setup.cfg or setup.py, none of it executed."""

import ast
import configparser
from collections.abc import Iterator

from packaging.utils import InvalidName, NormalizedName, canonicalize_name

from pipper.core.document import Node


def stated_name(pyproject: Node | None, setup_cfg: bytes, setup_py: bytes) -> NormalizedName:
    """Return the name that the files of a project state as plain text; empty if they compute it.

    Raises UsageError for a `[project]` or `[tool.poetry]` whose name is not a string.
    """
    for text in _names(pyproject, setup_cfg, setup_py):
        try:
            return canonicalize_name(text, validate=True)
        except InvalidName:
            continue
    return NormalizedName("")


def _names(pyproject: Node | None, setup_cfg: bytes, setup_py: bytes) -> Iterator[str]:
    if pyproject is not None:
        yield pyproject.at("project", {}).text_at("name", "")
        yield pyproject.at("tool", {}).at("poetry", {}).text_at("name", "")
    yield _of_setup_cfg(setup_cfg)
    yield _of_setup_py(setup_py)


def _of_setup_cfg(data: bytes) -> str:
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(data.decode("utf-8", "replace"))
    except configparser.Error:
        return ""
    return parser.get("metadata", "name", fallback="").strip()


def _of_setup_py(data: bytes) -> str:
    """Return the argument `name` of the first call of `setup`, if it is a literal."""
    try:
        tree = ast.parse(data)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _called(node.func) == "setup":
            for keyword in node.keywords:
                if keyword.arg == "name" and isinstance(keyword.value, ast.Constant):
                    return str(keyword.value.value)
    return ""


def _called(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""
