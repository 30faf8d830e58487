"""README, CONTRIBUTING and docs name nothing that does not exist. `tests/cli/test_docs.py` types their commands."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from pipper.cli.app import app
from pipper.core.lock.reader import parse_lock
from pipper.core.manifest.reader import parse_manifest
from tests.pages import CHECKOUT, CONTRIBUTING, HIDDEN, LANGUAGES, PAGES, README, Block, blocks

MOVING = CHECKOUT / "docs" / "moving.md"
"""The one page that names spellings of 0.x, which the help leaves out."""
FAULTS = {"H": 28, "M": 15, "S": 15, "C": 11, "K": 11, "T": 15, "B": 4, "N": 8, "R": 12}
FOREIGN = {"--no-compile", "--help"}
"""Options of other programs that the text names alone; and the one that every command has."""

_SPAN = re.compile(r"`([^`\n]+)`")
_OPTION = re.compile(r"(?<![\w-])--?[A-Za-z][\w-]*")
_LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")
_FILE = re.compile(r"(?:tests|docs|fixtures|pipper|\.ci)/[\w./*-]+")
_ELSEWHERE = re.compile(r"[0-9a-f]{64}|(?<=/)[0-9a-f]{16}(?=/)|size = \d+")
"""What another release of a build backend gives another value."""
_VARIABLE = re.compile(r"\b_?PIPPER_[A-Z][A-Z_]*[A-Z]\b")


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def prose(page: Path) -> str:
    """A page without its blocks."""
    return re.sub(r"(?ms)^ *```.*?^ *```$", "", text_of(page))


def commands() -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command and what is below it, by the words that name it."""
    context = click.Context(app)
    for name in app.list_commands(context):
        command = app.get_command(context, name)
        assert command
        yield (name,), command
        if isinstance(command, click.Group):
            for below in command.commands:
                found = command.get_command(context, below)
                assert found
                yield (name, below), found


COMMANDS = dict(commands())


def options(command: click.Command, *, old: bool = False) -> set[str]:
    """The options that a command's help shows; with `old`, also those that it leaves out."""
    context = click.Context(command)
    shown = " ".join(
        record[0] for each in command.get_params(context) if (record := each.get_help_record(context))
    )
    every = {
        name for each in command.get_params(context) if isinstance(each, click.Option) for name in each.opts
    }
    return {name for name in every if old or name in shown.replace(",", " ").split()}


def lines_of_pipper(page: Path) -> Iterator[list[str]]:
    """The words behind `pipper` of every command line: in blocks, in hidden commands, and in the text."""
    for block in blocks(page):
        if block.language in ("console", "sh", HIDDEN):
            for line in block.text.replace("\\\n", " ").splitlines():
                for part in re.split(r"&&|[|;>)]", line.partition(" # ")[0]):
                    found = re.search(r"(?:^|[ $(])pipper +([a-z].*)", part)
                    yield from [_words(found[1])] if found else []
    for span in _SPAN.findall(prose(page)):
        words = _words(span.removeprefix("pipper "))
        if words and (words[0],) in COMMANDS:
            yield words


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:  # cut off within quotes
        return line.split()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_and_option_exists(page: Path) -> None:
    known = {name for command in COMMANDS.values() for name in options(command, old=page == MOVING)}
    for span in _SPAN.findall(prose(page)):
        assert not span.startswith("-") or set(_OPTION.findall(span)) <= known | FOREIGN, span
    for words in lines_of_pipper(page):
        name = tuple(words[:2]) if tuple(words[:2]) in COMMANDS else (words[0],)
        assert name in COMMANDS, words
        given = {word.partition("=")[0] for word in words[1:] if _OPTION.match(word)}
        assert given <= options(COMMANDS[name], old=page == MOVING) | {"--help"}, words


def test_the_readme_names_every_command() -> None:
    for name in app.list_commands(click.Context(app)):
        assert f"| `pipper {name}`" in text_of(README) or f", `pipper {name}`" in text_of(README), name


def test_the_readme_is_a_front_page() -> None:
    assert len(text_of(README).splitlines()) <= 150


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in _LINK.findall(prose(page)):
        path, _, anchor = link.partition("#")
        assert "://" not in path, link
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def anchors(page: Path) -> set[str]:
    """The headings of a page, as a link names them."""
    titles = re.findall(r"(?m)^#+ (.*)$", prose(page))
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def test_every_page_can_be_reached_from_the_readme() -> None:
    linked = {(README.parent / link.partition("#")[0]).resolve() for link in _LINK.findall(prose(README))}
    assert linked >= set(PAGES) - {README}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_of_this_checkout_exists(page: Path) -> None:
    for span in _SPAN.findall(prose(page)):
        for name in _FILE.findall(span) if _FILE.match(span) else ():
            assert list(CHECKOUT.glob(name)), name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_has_a_language_and_what_cannot_run_a_reason(page: Path) -> None:
    assert not re.search(r"(?m)^ {4,}(?:\$ )?(?:pipper|pip|uv|python3) ", prose(page)), "a block is fenced"
    for block in blocks(page):
        assert block.language in {*LANGUAGES, HIDDEN}, block.place
        assert block.not_run is None or len(block.not_run.split()) >= 2, block.place


def toml_blocks() -> Iterator[Block]:
    for page in PAGES:
        yield from (block for block in blocks(page) if block.language == "toml")


@pytest.mark.parametrize("block", list(toml_blocks()), ids=lambda block: block.place)
def test_every_toml_block_is_a_manifest_or_a_part_of_the_example_of_a_lock(block: Block) -> None:
    example = text_of(CHECKOUT / "pipper.lock.example")
    if "[[packages]]" in block.text:
        assert _ELSEWHERE.sub("", block.text) in _ELSEWHERE.sub("", example)
        assert parse_lock(example.encode(), label="pipper.lock").packages
        return
    label = block.text.partition("\n")[0].removeprefix("# ")
    assert label in ("pipper.toml", "pyproject.toml"), "the first line names the file"
    assert parse_manifest(block.text.encode(), label=label) is not None


def test_every_json_block_is_json() -> None:
    for page in PAGES:
        for block in blocks(page):
            assert block.language != "json" or json.loads(block.text)


def variables() -> set[str]:
    """Every variable that the program reads: of options, and those that its source names."""
    found = {"_PIPPER_COMPLETE"}
    for name, command in COMMANDS.items():
        for each in command.params:
            stem = "_".join((*name, each.name or "")).upper().replace("-", "_")
            found |= {f"PIPPER_{stem}"} if isinstance(each, click.Option) else set()
    sources = "".join(path.read_text(encoding="utf-8") for path in (CHECKOUT / "pipper").rglob("*.py"))
    found |= set(re.findall(r'"(PIPPER_[A-Z_]+[A-Z])"', sources))
    ends = ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN")
    return found | ({f"PIPPER_AWS_{end}" for end in ends} if '"PIPPER_AWS_"' in sources else set())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_variable_is_known(page: Path) -> None:
    known = variables()
    if page == CONTRIBUTING:
        tests = "".join(path.read_text(encoding="utf-8") for path in (CHECKOUT / "tests").rglob("*.py"))
        known |= set(re.findall(r'environ\w*(?:\.get\(|\[)"(PIPPER_[A-Z_]+)"', tests))
    assert set(_VARIABLE.findall(text_of(page))) <= known


def test_the_catalogue_has_a_row_for_every_number() -> None:
    rows = re.findall(r"(?m)^\| ([A-Z])(\d+) \|", text_of(CHECKOUT / "docs" / "faults.md"))
    assert rows == [
        (letter, str(number)) for letter, count in FAULTS.items() for number in range(1, count + 1)
    ]


def test_every_number_in_the_name_of_a_test_is_in_the_catalogue() -> None:
    for path in (CHECKOUT / "tests").rglob("test_*.py"):
        for letter, number in re.findall(r"def test_([A-Z])(\d+)_", path.read_text(encoding="utf-8")):
            assert 1 <= int(number) <= FAULTS.get(letter, 0), f"{path.name}: {letter}{number}"
