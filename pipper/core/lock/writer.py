"""The writer of locks: one fixed format, sorted, one line for each file; equal locks have equal bytes."""

from collections.abc import Iterable, Mapping
from datetime import UTC

from pipper.core.lock.model import LOCK_VERSION, Lock, LockedEnvironment, LockedFile, LockedPackage
from pipper.core.manifest.inputs import Inputs, MemberInputs
from pipper.core.toml import toml_inline, toml_key, toml_string, toml_strings

_HEADER = "# Written by pipper: edit the manifest, then run `pipper lock`."
_AUTHORIZED = (
    "# Written by pipper authorize. Until it expires, whoever has it can read these files: keep it private."
)


def dump_lock(lock: Lock) -> str:
    """Return the text of a lock (TOML 1.0), with a newline at the end."""
    lines = [_HEADER if lock.expires_at is None else _AUTHORIZED, f"lock-version = {LOCK_VERSION}"]
    if lock.expires_at is not None:
        lines += ["authorized = true", f"expires-at = {lock.expires_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"]
    lines += ["", "[inputs]", *_inputs(lock.inputs)]
    if lock.repositories:
        lines += ["", "[repositories]"]
        lines += [
            f"{toml_key(alias)} = {toml_string(url)}" for alias, url in sorted(lock.repositories.items())
        ]
    for environment in lock.environments:
        lines += ["", "[[environments]]", *_environment(environment)]
    for package in lock.packages:
        lines += ["", "[[packages]]", *_package(package)]
    return "\n".join(lines) + "\n"


def _inputs(inputs: Inputs) -> Iterable[str]:
    if inputs.name:
        yield f"name = {toml_string(inputs.name)}"
    yield f"requires-python = {toml_string(inputs.requires_python)}"
    yield f"requirements = {toml_strings(inputs.requirements, taken=15)}"
    yield from _closures("groups", inputs.groups)
    yield from _closures("extras", inputs.extras)
    yield f"sources = {_strings_by_key(inputs.sources)}"
    yield f"repositories = {toml_strings(inputs.repositories, taken=15)}"
    yield f"index = {str(inputs.index).lower()}"
    if inputs.indexes:
        yield f"indexes = {_strings_by_key(inputs.indexes)}"
    if inputs.private:
        yield f"private = {toml_strings(inputs.private, taken=10)}"
    yield from _all_or_some("prereleases", inputs.prereleases)
    for name in ("constraints", "overrides", "exclude", "environments"):
        if texts := getattr(inputs, name):
            yield f"{name} = {toml_strings(texts, taken=len(name) + 3)}"
    yield from _rules(inputs)


def _rules(inputs: Inputs) -> Iterable[str]:
    if inputs.as_of:
        yield f"as-of = {toml_string(inputs.as_of)}"
    if inputs.cool_down:
        yield f"cool-down = {toml_string(inputs.cool_down)}"
    yield from _all_or_some("build-allow", inputs.build_allow)
    for name, member in sorted(inputs.members.items()):
        yield f"members.{toml_key(name)} = {_member(member)}"
    if inputs.conflicts:
        yield f"conflicts = [{', '.join(toml_strings(each, taken=14) for each in inputs.conflicts)}]"
    if inputs.files:
        yield f"files = {_strings_by_key(inputs.files)}"


def _strings_by_key(texts: Mapping[str, str]) -> str:
    return toml_inline([f"{toml_key(key)} = {toml_string(text)}" for key, text in sorted(texts.items())])


def _all_or_some(key: str, value: bool | tuple[str, ...]) -> Iterable[str]:
    if isinstance(value, tuple):
        yield f"{key} = {toml_strings(value, taken=len(key) + 3)}"
    elif value:
        yield f"{key} = true"


def _member(member: MemberInputs) -> str:
    pairs = [f"path = {toml_string(member.path)}", f"editable = {str(member.editable).lower()}"]
    for key in ("version", "requires-python", "build-files"):
        if text := getattr(member, key.replace("-", "_")):
            pairs.append(f"{key} = {toml_string(text)}")
    if member.requirements:
        pairs.append(f"requirements = [{', '.join(map(toml_string, member.requirements))}]")
    if member.extras:
        extras = [
            f"{toml_key(name)} = [{', '.join(map(toml_string, texts))}]"
            for name, texts in sorted(member.extras.items())
        ]
        pairs.append(f"extras = {toml_inline(extras)}")
    return toml_inline(pairs)


def _environment(environment: LockedEnvironment) -> Iterable[str]:
    yield f"name = {toml_string(environment.target.name)}"
    markers = sorted(environment.target.markers.items())
    yield f"markers = {toml_inline([f'{name} = {toml_string(value)}' for name, value in markers])}"
    if environment.failure:
        yield f"failure = {toml_string(environment.failure)}"
        return
    if environment.conditions:
        yield f"conditions = {toml_strings(environment.conditions, taken=13)}"
    yield from ["packages = [", *(f"    {toml_string(str(pin))}," for pin in environment.packages), "]"]
    yield from _closures("groups", {k: [str(pin) for pin in v] for k, v in environment.groups.items()})
    yield from _closures("extras", {k: [str(pin) for pin in v] for k, v in environment.extras.items()})
    if environment.builds:
        yield from _closures("builds", {k: [str(pin) for pin in v] for k, v in environment.builds.items()})
    failed = {"failed-groups": environment.failed_groups, "failed-extras": environment.failed_extras}
    for label, reasons in failed.items():
        for name, reason in sorted(reasons.items()):
            yield f"{label}.{toml_key(name)} = {toml_string(reason)}"


def _package(package: LockedPackage) -> Iterable[str]:
    yield f"name = {toml_string(package.name)}"
    if package.version:
        yield f"version = {toml_string(package.version)}"
    yield f"source = {toml_string(package.source)}"
    if package.path:
        yield f"path = {toml_string(package.path)}"
        yield f"editable = {str(package.editable).lower()}"
    yield f"dependencies = {toml_strings([str(each) for each in package.dependencies], taken=15)}"
    if package.wheels or (package.sdist is None and not package.path):
        yield from ["wheels = [", *(f"    {_file(file)}," for file in package.wheels), "]"]
    if package.sdist is not None:
        yield f"sdist = {_file(package.sdist)}"
        requires = [str(pin) for pin in package.build_requires]
        yield f"build-requires = {toml_strings(requires, taken=17)}"


def _file(file: LockedFile) -> str:
    pairs = [f"key = {toml_string(file.key)}" if file.key else f"url = {toml_string(file.url)}"]
    if file.wheel:
        pairs.append(f"wheel = {toml_string(file.wheel)}")
    pairs += [f"size = {file.size}", f"sha256 = {toml_string(file.sha256)}"]
    if file.bundle is not None:
        pairs += [f"bundle-size = {file.bundle.size}", f"bundle-sha256 = {toml_string(file.bundle.sha256)}"]
    return toml_inline(pairs)


def _closures(label: str, closures: Mapping[str, Iterable[str]]) -> Iterable[str]:
    if not closures:
        yield f"{label} = {{}}"
    # Dotted keys, not an inline table: a group of many packages has one line for each package.
    for name, texts in sorted(closures.items()):
        start = f"{label}.{toml_key(name)} = "
        yield start + toml_strings(texts, taken=len(start))
