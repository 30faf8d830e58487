"""The name of a project without `[project]`: that of Poetry, setup.cfg or setup.py, none of it executed."""

import ast
import configparser
import re
import warnings
from collections.abc import Iterator

from packaging.utils import InvalidName, NormalizedName, canonicalize_name

from pipper.core.document import Node

SETUP_CFG_LIMIT = 30_000
"""Bytes of a setup.cfg: the time that `configparser` needs for errors grows with the square of their number."""
_SETUP_PY_LIMIT = 100_000
"""Bytes of a setup.py whose name is read: its tree takes 500 times as much memory."""
_RUN = re.compile(r"([^\S\n]{100})[^\S\n]+")


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
    if len(data) > SETUP_CFG_LIMIT:
        return ""
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(without_runs(data.decode("utf-8", "replace")))
    except configparser.Error:
        return ""
    return parser.get("metadata", "name", fallback="").strip()


def without_runs(text: str) -> str:
    """Return the text of a setup.cfg with long runs of blanks cut: `configparser` tries each with each of them."""
    return _RUN.sub(r"\1", text)


def _of_setup_py(data: bytes) -> str:
    """Return the argument `name` of the first call of `setup`, if it is a string."""
    if len(data) > _SETUP_PY_LIMIT:
        return ""
    try:
        with warnings.catch_warnings(action="ignore"):  # they are for the author of the file
            tree = ast.parse(data)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _called(node.func) == "setup":
            for keyword in node.keywords:
                if keyword.arg == "name" and isinstance(keyword.value, ast.Constant):
                    return keyword.value.value if isinstance(keyword.value.value, str) else ""
    return ""


def _called(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""
