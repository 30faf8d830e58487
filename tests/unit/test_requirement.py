"""Requirements: PEP 508, and the spellings of pipper 0.x."""

import contextlib
import re
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipper.core.manifest.requirement import name_of, normalised, parse_requirement
from pipper.errors import UsageError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("foo", "foo"),
        ("Foo_Bar>=1,<2", "foo-bar<2,>=1"),
        ("foo[b,A]", "foo[a,b]"),
        ("foo ; python_version < '3'", 'foo ; python_version < "3"'),
        ("foo:1.2.3", "foo==1.2.3"),
        ("foo:=1.2.3", "foo==1.2.3"),
        ("foo:1.2.*", "foo==1.2.*"),
        ("foo:1.*.3", "foo==1.*"),
        ("foo:*", "foo"),
        ("foo : >=1.2, <2", "foo<2,>=1.2"),
        ("foo[x]:~=1.2", "foo[x]~=1.2"),
        ("foo:!=1.0", "foo!=1.0"),
        ("foo @ https://example.com/foo-1.whl", "foo @ https://example.com/foo-1.whl"),
    ],
)
def test_both_spellings_become_one(text: str, expected: str) -> None:
    assert normalised(parse_requirement(text)) == expected


@pytest.mark.parametrize(
    "text", ["", "=>1", "foo:", "foo:x", "foo:>=", "foo:1,", "foo bar", "../foo", "-x", "foo; x"]
)
def test_what_is_no_requirement_is_told_with_its_place(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_requirement(text, where="pipper.toml: dependencies[2]")
    assert caught.value.message.startswith(f"pipper.toml: dependencies[2]: `{text.strip()}`")
    assert caught.value.hint


def test_a_requirement_nested_without_end_is_refused_in_few_words() -> None:
    with pytest.raises(UsageError) as caught:
        parse_requirement("foo; " + "(" * 3000)
    assert len(caught.value.message + caught.value.cause) < 400


def test_names_are_normalised() -> None:
    assert name_of(parse_requirement("Foo._-Bar")) == "foo-bar"


@given(st.text(max_size=60))
def test_any_text_is_a_requirement_or_a_usage_error(text: str) -> None:
    with contextlib.suppress(UsageError):
        told = normalised(parse_requirement(text))
        assert normalised(parse_requirement(told)) == told


@given(st.from_regex(r"\A[a-z]{1,4}(\[[a-z]\])?(:|==|>=|~=|;| @ )[0-9a-z.*' <>=_]{0,12}\Z"))
def test_any_near_requirement_is_one_or_a_usage_error(text: str) -> None:
    with contextlib.suppress(UsageError):
        parse_requirement(text)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("foo@1.0", "foo==1.0"),
        ("foo@latest", "foo"),
        ("foo@^1.2", "foo>=1.2,<2.0"),
        ("foo@>=1", "foo>=1"),
        ("foo[a,b]@2", "foo[a,b]==2"),
        ("foo^1", "foo>=1,<2"),
        ("foo^0.3.1", "foo>=0.3.1,<0.4.0"),
        ("foo~1.2", "foo>=1.2,<1.3"),
        ("foo=1.0", "foo==1.0"),
        ("foo 1.0", "foo==1.0"),
    ],
)
def test_U_a_version_as_npm_cargo_and_poetry_write_it_is_answered_with_the_command(
    text: str, meant: str
) -> None:
    with pytest.raises(UsageError) as caught:
        parse_requirement(text)
    assert caught.value.hint.startswith(f"write `{meant}`, as in `pipper add ")
    (command,) = re.findall(r"`(pipper add .*)`", caught.value.hint)
    assert shlex.split(command) == ["pipper", "add", meant]
    assert normalised(parse_requirement(meant))


@pytest.mark.parametrize(
    "text",
    [
        "git+https://h.example/x.git",
        "git+ssh://git@h.example/x.git@main",
        "git@h.example:me/x.git",
        "hg+https://h.example/x",
        "https://h.example/x.git",
    ],
)
def test_U_a_repository_of_version_control_is_answered_with_what_pipper_takes(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_requirement(text)
    assert caught.value.cause == "pipper takes nothing from version control"
    assert "`pipper add --editable DIR`; or `pipper publish` a wheel of it" in caught.value.hint


@pytest.mark.parametrize(
    "text", ["foo@canary", "foo@../x", "@scope/foo", "foo@", "foo@1.0@2", "foo^x", "foo~"]
)
def test_U_what_names_no_version_has_the_general_hint(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_requirement(text)
    assert caught.value.hint.startswith("write it as in `foo>=1.2,<2`")


@pytest.mark.parametrize("quote", ["'", '"'])
@pytest.mark.parametrize("where", ["foo", "foo>=1", "foo @ https://example.com/foo-1.whl"])
def test_a_backslash_in_a_marker_is_refused_because_it_would_be_written_otherwise(
    where: str, quote: str
) -> None:
    for value in ("a\\\\", "\\x41", "\\\\\\\\"):
        with pytest.raises(UsageError) as caught:
            parse_requirement(f"{where} ; sys_platform == {quote}{value}{quote}")
        assert "backslash" in caught.value.cause


def test_a_backslash_in_a_url_is_not_one_of_the_marker() -> None:
    found = parse_requirement("foo @ file:///C:\\x\\foo-1.whl ; sys_platform == 'win32'")
    assert str(found).endswith('; sys_platform == "win32"')
