"""Documents in TOML and JSON are read strictly, with the place in every complaint."""

import time
import tomllib
from typing import Any

import pytest

from pipper.core.document import Node, Origin, read_json, read_toml
from pipper.errors import AccessError, IntegrityError, UsageError

ROOT = {"a": {"b": [1, {"c": None, "d": "x"}]}, "t": "text", "n": 3, "f": True, "l": ["x", "y"]}


def node(value: object = ROOT) -> Node:
    return Node(value, Origin("file", IntegrityError, "a hint"))


def test_json_and_toml_give_the_same_tree() -> None:
    from_json = read_json(b'\xef\xbb\xbf{"a": {"b": [1, "x"]}}', label="file", limit=100)
    from_toml = read_toml(b'\xef\xbb\xbfa = { b = [1, "x"] }\r\n', label="file", limit=100)
    assert from_json.value == from_toml.value == {"a": {"b": [1, "x"]}}


def test_a_place_says_the_way_from_the_root() -> None:
    assert node().place == "file"
    assert node().at("a").place == "file: a"
    assert node([1]).items().__next__().place == "file: [0]"
    inner = list(node().at("a").at("b").items())[1]
    assert inner.at("d").place == "file: a.b[1].d"
    assert inner.at("d").replaced(3).place == "file: a.b[1].d"


def test_null_is_a_missing_value() -> None:
    inner = list(node().at("a").at("b").items())[1]
    assert "c" not in inner
    assert inner.at("c", "default").text() == inner.text_at("c", "default") == "default"
    for read in (inner.at, inner.text_at):
        with pytest.raises(IntegrityError) as caught:
            read("c")
        assert caught.value.message == "file: a.b[1]: `c` is missing"
        assert caught.value.hint == "a hint"


def test_values_of_the_right_type_are_given() -> None:
    root = node()
    assert (root.text_at("t"), root.at("n").integer(), root.at("f").flag()) == ("text", 3, True)
    assert root.at("l").texts() == ("x", "y")
    assert root.at("none", {}).mapping(Node.text) == {}


@pytest.mark.parametrize(
    ("read", "message"),
    [
        (lambda root: root.at("n").text(), "file: n: expected a string, found a number"),
        (lambda root: root.text_at("n"), "file: n: expected a string, found a number"),
        (lambda root: root.at("t").integer(), "file: t: expected a non-negative integer, found a string"),
        (lambda root: root.at("f").integer(), "file: f: expected a non-negative integer, found a boolean"),
        (lambda root: root.at("n").flag(), "file: n: expected true or false, found a number"),
        (lambda root: root.at("t").at("x"), "file: t: expected a table, found a string"),
        (lambda root: root.at("t").text_at("x"), "file: t: expected a table, found a string"),
        (lambda root: list(root.at("a").items()), "file: a: expected an array, found a table"),
        (lambda root: root.at("a").at("b").texts(), "file: a.b[0]: expected a string, found a number"),
        (lambda root: root.only(("a", "t", "n", "flag", "l")), "file: f: unknown key"),
    ],
)
def test_another_type_is_an_error_with_its_place(read: Any, message: str) -> None:
    with pytest.raises(IntegrityError) as caught:
        read(node())
    assert caught.value.message == message


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "file: not valid JSON at line 1, column 1: Expecting value"),
        (b'{\n"a": [}', "file: not valid JSON at line 2, column 7: Expecting value"),
        (b'{"a": 1, "a": 1}', "file: duplicate key 'a'"),
        (b'{"a": NaN}', "file: NaN is not valid JSON"),
        (b'{"a": "\\ud800"}', "file: a lone surrogate in a string"),
        (b"[" * 100_000, "file: nested too deeply"),
        (b"a\n\xff", "file: not UTF-8 at line 2"),
        (b" " * 200_001, "file: 200,001 bytes, more than 200,000"),
    ],
)
def test_json_that_is_not_strict_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(AccessError) as caught:
        read_json(data, label="file", limit=200_000, error=AccessError)
    assert caught.value.message == message


def test_a_number_of_too_many_digits_is_refused() -> None:
    with pytest.raises(UsageError, match="file: "):
        read_json(b"9" * 10_000, label="file", limit=20_000)


@pytest.mark.parametrize("data", [b"a = ", b"\xff", b"a" + b".a" * 40 + b" = 1", b" " * 101])
def test_toml_that_cannot_be_read_is_an_error_of_the_class_that_was_asked_for(data: bytes) -> None:
    with pytest.raises(IntegrityError, match="file: ") as caught:
        read_toml(data, label="file", limit=100, hint="a hint", error=IntegrityError)
    assert caught.value.hint == "a hint"


@pytest.mark.parametrize("part", ["a", "'='", "'a b'", '"="', '"\\"=,"', '"a.b"', "a . b"])
def test_B03_a_key_of_many_parts_is_refused_at_once_however_it_is_written(part: str) -> None:
    text = "x = 1\n" + ".".join([part] * 100_000) + " = 1\n"
    with pytest.raises(UsageError, match="a key of more than 32 parts at line 2"):
        read_toml(text.encode(), label="file", limit=2**20)
    assert read_toml(f"{'.'.join([part] * 8)} = 1\n".encode(), label="file", limit=2**20).entries()


NAMES = ".".join(f"linux_{at}" for at in range(40))


@pytest.mark.parametrize(
    "text",
    [
        f'x = "{NAMES}"\n',
        f"x = '{NAMES}'\n",
        f'x = "^({NAMES.replace(".", "|a.b")})$"  # {NAMES}\n',
        f'x = {{ a = "{NAMES} \\" {NAMES}", b.c = [\'{NAMES} = "\', 1.5] }}\n',
        f'x = """\n{NAMES}\n \\""" {NAMES}\n""""\ny = 1\n',
        f"x = '''\n{NAMES} \" = 1\n'''\n'{NAMES}' = 1\n",
    ],
)
def test_dots_in_strings_and_comments_make_no_parts_of_a_key(text: str) -> None:
    assert read_toml(text.encode(), label="file", limit=2**20).value == tomllib.loads(text)


@pytest.mark.parametrize("before", ["'''x''''", '"""x"""""', '["\'"]', "'\"'", '"\\""', "1.5", "'''\n'''"])
def test_B03_a_key_of_many_parts_is_found_behind_a_string(before: str) -> None:
    text = f"x = [{before}, {{ {NAMES} = 1 }}, \"\", '']\n"
    line = text[: text.index(NAMES)].count("\n") + 1
    with pytest.raises(UsageError, match=f"a key of more than 32 parts at line {line}$"):
        read_toml(text.encode(), label="file", limit=2**20)


@pytest.mark.parametrize("text", ['"""\n', '\\"\\\n', '"\\\n', '\\"""\n', "'\n", "\"'\n"])
def test_B03_quotes_without_an_end_are_refused_at_once(text: str) -> None:
    document = f'x = """{NAMES}"""\ny = "' + text * (2**18 // len(text)) + "\\"
    begun = time.monotonic()
    with pytest.raises(UsageError, match="file: not valid TOML"):
        read_toml(document.encode(), label="file", limit=2**20)
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize(
    "text",
    [
        "x = [" + "[]," * 2_500_000 + "]",
        "x = [" + "{'a'.b.c.d.e.f=0}," * 200_000 + "]",
        "x = [" + "'''\n' ''', {a.b.c.d.e.f.g.h.i.j.k=0}, ''," * 100_000 + "]",
    ],
    ids=["arrays", "dotted keys", "keys between strings"],
)
def test_B03_a_toml_document_that_takes_far_more_memory_than_it_is_long_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="too many values"):
        read_toml(text.encode(), label="file", limit=64 * 2**20)


def test_strings_and_comments_with_many_dots_are_no_keys() -> None:
    line = "x = [\"a.b.c\", 'd.e.f', \"\"\"g.h\n.i\"\"\", '''j.k\n.l''']  # m.n.o\n"
    text = "".join(f"[t{number}]\n{line}" for number in range(100)) + "# ." + "." * 1_000_001
    assert len(read_toml(text.encode(), label="file", limit=64 * 2**20).entries()) == 100


@pytest.mark.parametrize("text", ['"' + '\\"' * 200_000, '"""' + '\\"' * 200_000, "'" + '\\"' * 200_000])
def test_B03_a_string_without_an_end_is_read_once(text: str) -> None:
    with pytest.raises(UsageError, match=r"not valid TOML|too many values"):
        read_toml(f"x = {text}{'.' * 1_000_001}".encode(), label="file", limit=64 * 2**20)
