"""A lock as a software bill of materials in CycloneDX 1.6 (JSON), by the library of that format, an extra of pipper."""

import shlex
import sys
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID, uuid5

from msgspec import Struct
from packaging.utils import NormalizedName

from pipper import __version__
from pipper.core.lock.markers import PortablePackage, portable
from pipper.core.lock.model import Lock, LockedFile, LockedPackage, Pin
from pipper.core.lock.selection import Selection
from pipper.core.lock.writer import dump_lock
from pipper.core.manifest.requirement import name_of, parse_requirement
from pipper.errors import PipperError, UsageError
from pipper.ops.context.settings import Place, Settings
from pipper.ops.query.installed import find_environment
from pipper.python.environment import installed
from pipper.system.files import read_bytes
from pipper.wheels.metadata import parse_headers

if TYPE_CHECKING:
    from cyclonedx.model.component import Component
    from packageurl import PackageURL

_SPACE = UUID("0c3a6b1e-5f0e-5d3b-9a53-6d0f2f3f3c11")
"""The namespace of serial numbers: the same lock has the same one."""
_LIBRARY = "cyclonedx-python-lib"
_LONGEST = 200
"""Characters of a licence; a longer one is the text of a licence, not its name."""


class Facts(Struct, frozen=True, kw_only=True):
    """What the bill says besides the lock."""

    project: str
    locations: Mapping[str, str]
    """The URL of each repository and index by alias: empty for the public index, none for a directory."""
    licences: Mapping[Pin, str]


def licences_of(settings: Settings) -> Mapping[Pin, str]:
    """Return the licences that the distributions of the project's environment state; none without an environment."""
    try:
        environment = find_environment(settings, Place())
        found = {}
        for each in installed(environment):
            headers = parse_headers(read_bytes(each.dist_info / "METADATA") or b"", subject=each.name)
            if licence := _licence(headers):
                found[Pin(name=each.name, version=each.version)] = licence
        return found
    except PipperError:
        return {}  # the bill is of the lock: what is installed only adds to it


def _licence(headers: Mapping[str, list[str]]) -> str:
    for name in ("license-expression", "license"):
        for value in headers.get(name, ()):
            if value and value.upper() != "UNKNOWN" and len(value) <= _LONGEST:
                return value
    named = (
        each.rpartition(" :: ")[2] for each in headers.get("classifier", ()) if each.startswith("License ::")
    )
    return next(named, "")


def dump_sbom(lock: Lock, selection: Selection, facts: Facts) -> str:
    """Return the packages that `selection` picks from a lock whose files all have a `url`.

    The same input gives the same text.

    Raises UsageError if the library is not installed, and the errors of `portable`.
    """
    try:
        from cyclonedx.model.bom import Bom  # noqa: PLC0415 - an extra, and slow
        from cyclonedx.model.component import Component, ComponentType  # noqa: PLC0415 - as above
        from cyclonedx.model.dependency import Dependency as Needs  # noqa: PLC0415 - as above
        from cyclonedx.output.json import JsonV1Dot6  # noqa: PLC0415 - as above
    except ImportError as error:
        raise UsageError(
            "the library for CycloneDX is not installed",
            cause="it is in the extra pipper[sbom]",
            hint=f"run `{_install(_LIBRARY)}`",
        ) from error
    picked = portable(lock, selection).packages
    root = Component(name=facts.project, type=ComponentType.APPLICATION, bom_ref="project")
    components = {each.package.pin: _component(each, facts) for each in picked}
    by_name: dict[NormalizedName, list[Pin]] = {}
    for pin in components:
        by_name.setdefault(pin.name, []).append(pin)
    roots = {name_of(parse_requirement(text)) for texts in lock.inputs.roots.values() for text in texts}

    def needs(component: Component, pins: Iterable[Pin]) -> Needs:
        return Needs(component.bom_ref, [Needs(components[pin].bom_ref) for pin in pins])

    bom = Bom(
        serial_number=uuid5(_SPACE, dump_lock(lock) + repr(sorted(map(str, components)))),
        components=components.values(),
        # Not `Bom.register_dependency`: for each package it goes through all that are registered.
        dependencies=[
            needs(root, (pin for name in roots for pin in by_name.get(name, ()))),
            *(needs(components[each.package.pin], _pins(each.package, by_name)) for each in picked),
        ],
    )
    bom.metadata.component = root
    bom.metadata.tools.components.add(
        Component(name="pipper", version=__version__, type=ComponentType.APPLICATION)
    )
    bom.metadata.timestamp = None  # type: ignore[assignment] # a moment would make each text another one
    return JsonV1Dot6(bom).output_as_string(indent=2) + "\n"


def _install(library: str) -> str:
    """Return the command that installs a library beside the running pipper, with the tool that made its environment."""
    python = shlex.quote(sys.executable)
    if Path(sys.prefix, "pipx_metadata.json").is_file():
        return f"pipx inject {shlex.quote(Path(sys.prefix).name)} {library}"
    if find_spec("pip") is None:  # uv's tools and environments have none
        return f"uv pip install --python {python} {library}"
    return f"{python} -m pip install {library}"


def _pins(package: LockedPackage, by_name: Mapping[NormalizedName, list[Pin]]) -> Iterable[Pin]:
    for each in package.dependencies:
        yield from (pin for pin in by_name.get(each.name, ()) if each.version in ("", pin.version))


def _component(picked: PortablePackage, facts: Facts) -> "Component":
    from cyclonedx.contrib.license.factories import LicenseFactory  # noqa: PLC0415 - an extra, and slow
    from cyclonedx.model import (  # noqa: PLC0415 - as above
        ExternalReference,
        ExternalReferenceType,
        HashAlgorithm,
        HashType,
        Property,
        XsUri,
    )
    from cyclonedx.model.component import Component  # noqa: PLC0415 - as above

    package = picked.package
    licence = facts.licences.get(package.pin)

    def reference(file: LockedFile) -> ExternalReference:
        return ExternalReference(
            type=ExternalReferenceType.DISTRIBUTION,
            url=XsUri(file.url),
            comment=file.filename,
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=file.sha256)],
        )

    properties = {"pipper:source": package.source, "pipper:marker": picked.marker}
    return Component(
        name=package.name,
        version=package.version,
        bom_ref=str(package.pin),
        purl=_purl(package.pin, package.source, facts),
        licenses=[LicenseFactory().make_from_string(licence)] if licence else None,
        external_references=[reference(file) for file in package.files],
        properties=[Property(name=name, value=value) for name, value in properties.items() if value],
    )


def _purl(pin: Pin, source: str, facts: Facts) -> "PackageURL | None":
    """Return the package URL. Without the URL of a repository or an index in it, a public package is meant."""
    from packageurl import PackageURL  # noqa: PLC0415 - comes with the library

    location = facts.locations.get(source)
    if location is None:
        return None
    qualifiers = {"repository_url": location} if location else {}
    return PackageURL(type="pypi", name=pin.name, version=pin.version, qualifiers=qualifiers)
