"""The strict reader of the inputs of a lock: the manifest and the members that it was made from."""

import re

from packaging.specifiers import InvalidSpecifier

from pipper.core.document import Node
from pipper.core.lock.model import RESTORE
from pipper.core.manifest.inputs import Inputs, MemberInputs
from pipper.core.standards import read_specifiers
from pipper.errors import IntegrityError

_UNSAFE_PATH = re.compile(r"^[/~]|\\|^[A-Za-z]:")
_INPUTS = tuple(name.replace("_", "-") for name in Inputs.__struct_fields__)
_MEMBER = tuple(name.replace("_", "-") for name in MemberInputs.__struct_fields__)


def read_inputs(node: Node) -> Inputs:
    """Return the table `inputs` of a lock; raises what `Node` raises, IntegrityError for an unsafe path."""
    node.only(_INPUTS)
    for table in (node.at("groups"), node.at("extras")):
        if "" in table.entries():
            raise table.fail("a group or an extra without a name")
    prereleases, build_allow = node.at("prereleases", False), node.at("build-allow", False)
    return Inputs(
        name=node.text_at("name", ""),
        requires_python=_specifiers(node.at("requires-python")),
        requirements=node.at("requirements").texts(),
        groups=node.at("groups").mapping(Node.texts),
        extras=node.at("extras").mapping(Node.texts),
        sources=node.at("sources").mapping(Node.text),
        repositories=node.at("repositories").texts(),
        index=node.at("index").flag(),
        indexes=node.at("indexes", {}).mapping(Node.text),
        private=node.at("private", []).texts(),
        prereleases=prereleases.texts() if isinstance(prereleases.value, list) else prereleases.flag(),
        constraints=node.at("constraints", []).texts(),
        overrides=node.at("overrides", []).texts(),
        exclude=node.at("exclude", []).texts(),
        environments=node.at("environments", []).texts(),
        as_of=node.text_at("as-of", ""),
        cool_down=node.text_at("cool-down", ""),
        conflicts=tuple(map(_conflicting, node.at("conflicts", []).items())),
        files=node.at("files", {}).mapping(Node.text),
        build_allow=build_allow.texts() if isinstance(build_allow.value, list) else build_allow.flag(),
        members=node.at("members", {}).mapping(_member),
    )


def _member(node: Node) -> MemberInputs:
    node.only(_MEMBER)
    return MemberInputs(
        path=member_path(node.at("path")),
        editable=node.at("editable").flag(),
        version=node.text_at("version", ""),
        requires_python=_specifiers(node.at("requires-python", "")),
        requirements=node.at("requirements", []).texts(),
        extras=node.at("extras", {}).mapping(Node.texts),
        build_files=node.text_at("build-files", ""),
    )


def member_path(node: Node) -> str:
    """Return the path of a member; raise IntegrityError if it is not relative."""
    text = node.text()
    if not text or not text.isprintable() or _UNSAFE_PATH.search(text):
        raise IntegrityError(
            f"{node.place}: unsafe path `{text[:200]}`",
            cause="the path of a member must be relative to the directory of the lock",
            hint=RESTORE,
        )
    return text


def _conflicting(node: Node) -> tuple[str, ...]:
    for each in node.items():
        if not each.text().removeprefix("group:"):
            raise each.fail("a group or an extra without a name")
    return node.texts()


def _specifiers(node: Node) -> str:
    try:
        read_specifiers(node.text())
    except InvalidSpecifier as error:
        raise node.fail("not version specifiers (PEP 440)") from error
    return node.text()
