"""The index of a manifest and its further indexes: `[index]` and `[indexes]`."""

import re
from collections.abc import Container, Mapping

from pipper.core.document import Node
from pipper.core.manifest.inputs import INDEX, PATH
from pipper.core.redaction import has_account

CREDENTIALS = "credentials are not allowed in a manifest"

_ALIAS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
SCHEMES = ("https://", "http://", "file:")


def read_index(node: Node) -> tuple[bool, str]:
    """Return whether there is an index, and its URL if the manifest has it. Raises UsageError."""
    if isinstance(node.value, bool):
        return node.value, ""
    if not isinstance(node.value, Mapping):
        hint = 'write `index = false`, or `index = { url = "https://index.example.com/simple" }`'
        raise node.wrong_type("true, false or a table with `url`", hint=hint)
    return True, _url(node.only(("url",)).at("url", ""))


def read_indexes(node: Node, repositories: Container[str]) -> dict[str, str]:
    """Return the URLs of further indexes by alias; `repositories` are the aliases that are taken. Raises UsageError."""
    found: dict[str, str] = {}
    for alias, entry in node.table().items():
        require_alias(alias, entry)
        if alias in repositories:
            raise entry.fail(f"`{alias}` is the alias of a repository too", hint="rename one of the two")
        found[alias] = _url(entry)
        if not found[alias].startswith(SCHEMES):
            hint = 'write it as in "https://index.example.com/simple"'
            raise entry.fail("not the URL of an index", hint=hint)
    return found


def is_alias(text: str) -> bool:
    """Return whether `text` can name a repository or a further index."""
    return bool(_ALIAS.fullmatch(text)) and text not in (INDEX, PATH)


def require_alias(alias: str, node: Node) -> None:
    """Raise UsageError if `alias` cannot name a repository or an index."""
    if not is_alias(alias):
        raise node.fail(
            f"`{alias}` cannot be an alias",
            hint="use letters, digits, `.`, `_`, `-`; `index` and `path` are reserved",
        )


def _url(node: Node) -> str:
    if has_account(node.text()):
        raise node.fail(CREDENTIALS, hint="remove them from the URL, and keep them in netrc")
    if without_query(node.text()) != node.text():
        raise node.fail(
            "the URL of an index has a query or a fragment",
            cause="pipper sends none, and it may be a secret, which must not be in a manifest",
            hint="remove what begins with `?` or `#`",
        )
    return node.text()


def without_query(url: str) -> str:
    """Return a URL without query and fragment."""
    return re.split("[?#]", url, maxsplit=1)[0]
