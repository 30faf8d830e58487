"""Parse and check the file name of a wheel (PEP 427) and its tags (PEP 425)."""

from msgspec import Struct
from packaging.tags import Tag, parse_tag
from packaging.utils import NormalizedName
from packaging.version import Version

from pipper.core.standards import MOST_TAGS, read_wheel_name, tag_count
from pipper.wheels.member_paths import MAX_COMPONENT, path_fault, refusal, shortened


class WheelName(Struct, frozen=True, kw_only=True):
    """The parts of a wheel's file name."""

    filename: str
    name: NormalizedName
    version: Version
    tags: frozenset[Tag]


def parse_wheel_name(filename: str, *, place: str = "") -> WheelName:
    """Return the parts of `filename`; raises IntegrityError if it is not a safe and valid file name of a wheel.

    `place` precedes the file name in errors.
    """
    shown = f"{place}{shortened(filename)}"
    if len(filename.encode("utf-8", "surrogatepass")) > MAX_COMPONENT:
        raise refusal(shown, f"has a name of more than {MAX_COMPONENT} bytes")
    fault = "has a slash in its name" if "/" in filename else path_fault(filename)
    if fault:
        raise refusal(shown, fault)
    try:
        name, version, _, tags = read_wheel_name(filename)
    except ValueError as error:
        raise refusal(
            shown, "is not a wheel's file name: NAME-VERSION[-BUILD]-PYTHON-ABI-PLATFORM.whl"
        ) from error
    return WheelName(filename=filename, name=name, version=version, tags=tags)


def expand_tags(lines: list[str], *, subject: str) -> frozenset[Tag]:
    """Return all tags of the Tag lines in WHEEL, compressed or not; raises IntegrityError for a malformed one."""
    tags: set[Tag] = set()
    for line in lines:
        try:
            if line.count("-") != 2 or tag_count(line) > MOST_TAGS:
                raise ValueError("not a tag")
            tags |= parse_tag(line)
        except ValueError as error:
            raise refusal(subject, f"WHEEL has the malformed tag {shortened(line)}") from error
        if len(tags) > MOST_TAGS:
            raise refusal(subject, f"WHEEL has more than {MOST_TAGS} tags")
    return frozenset(tags)


def tags_agree(inside: frozenset[Tag], outside: frozenset[Tag]) -> bool:
    """Return whether the tags in WHEEL match those of the file name.

    The file name may be narrower, with an ABI or a platform where WHEEL has `none` or `any`: some projects
    rename a built wheel for each platform whose programs they add.
    """
    if inside == outside:
        return True
    pairs = [
        (wide, narrow)
        for wide in inside
        for narrow in outside
        if wide.interpreter == narrow.interpreter
        and wide.abi in ("none", narrow.abi)
        and wide.platform in ("any", narrow.platform)
    ]
    return {wide for wide, _ in pairs} == inside and {narrow for _, narrow in pairs} == outside
