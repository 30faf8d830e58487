"""The pages people read, taken apart: README.md, CONTRIBUTING.md and docs/*.md.

A fenced block of the language `console` or `sh` is a list of commands. In `console` a command starts with `$ `,
goes on in lines that start with `> `, and the lines below it are what it prints. In `sh` every line is a
command, apart from a here-document and a line that ends in a backslash.

- `# exit N` at the end of a command: its exit code, 0 otherwise.
- `<!-- not run: REASON -->` above a block: the block cannot run in a test.
- `<!-- run: COMMANDS -->`: what a reader has already, such as files of an earlier page.
- `…` in printed lines: any text; a line `…`: any lines. Empty lines do not count.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
README = CHECKOUT / "README.md"
CONTRIBUTING = CHECKOUT / "CONTRIBUTING.md"
PAGES = (README, *sorted((CHECKOUT / "docs").glob("*.md")), CONTRIBUTING)
LANGUAGES = {"console", "sh", "toml", "json", "dockerfile", "yaml", "text", "python"}
HIDDEN = "hidden"
"""The language of `<!-- run: … -->`."""

_FENCE = re.compile(
    r"^(?P<indent> *)```(?P<language>\S*)\n(?P<text>.*?)^(?P=indent)```$", re.DOTALL | re.MULTILINE
)
_COMMENT = re.compile(r"<!--\s*(?P<key>not run|run):\s*(?P<text>.*?)\s*-->", re.DOTALL)
_HERE = re.compile(r"<<-?\s*'?(\w+)'?")
_EXIT = re.compile(r"# exit (\d+)\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A fenced block, or commands in a comment."""

    page: Path
    line: int
    language: str
    text: str
    not_run: str | None = None
    """Why it cannot run; None where it can."""

    @property
    def place(self) -> str:
        return f"{self.page.name}:{self.line}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A command, the exit code that it must end with, and what the page says that it prints."""

    place: str
    command: str
    code: int
    shown: tuple[str, ...]


def blocks(page: Path) -> Iterator[Block]:
    """Fenced blocks and hidden commands of a page, in order."""
    text = page.read_text(encoding="utf-8")
    fences = list(_FENCE.finditer(text))
    inside = [range(*fence.span()) for fence in fences]
    comments = [
        found for found in _COMMENT.finditer(text) if not any(found.start() in span for span in inside)
    ]
    reason: str | None = None
    for found in sorted([*fences, *comments], key=re.Match.start):
        line = text.count("\n", 0, found.start()) + 1
        if found.re is _COMMENT:
            if found["key"] == "not run":
                reason = found["text"]
            else:
                yield Block(page=page, line=line, language=HIDDEN, text=found["text"] + "\n")
            continue
        indent = found["indent"]
        body = "".join(each.removeprefix(indent) for each in found["text"].splitlines(keepends=True))
        yield Block(page=page, line=line, language=found["language"], text=body, not_run=reason)
        reason = None


def steps(block: Block) -> Iterator[Step]:
    """The commands of a block."""
    console = block.language == "console"
    lines = list(enumerate(block.text.splitlines(), start=block.line + (block.language != HIDDEN)))
    while lines:
        number, line = lines.pop(0)
        if not line.strip():
            continue
        assert not console or line.startswith("$ "), f"{block.page.name}:{number}: a command starts with `$ `"
        command = [line.removeprefix("$ ") if console else line]
        while lines and _goes_on(command, lines[0][1], console=console):
            command.append(lines.pop(0)[1].removeprefix("> ") if console else lines.pop(0)[1])
        shown: list[str] = []
        while console and lines and not lines[0][1].startswith("$ "):
            shown.append(lines.pop(0)[1])
        found = _EXIT.search("\n".join(command))
        yield Step(
            place=f"{block.page.name}:{number}",
            command="\n".join(command),
            code=int(found[1]) if found else 0,
            shown=tuple(shown),
        )


def _goes_on(command: list[str], following: str, *, console: bool) -> bool:
    if console:
        return following.startswith("> ")
    here = _HERE.search(command[0])
    return command[-1].endswith("\\") or (here is not None and here[1] not in command[1:])


def is_as_shown(shown: tuple[str, ...], printed: str) -> bool:
    """Tell whether a command printed what the page says."""
    lines = (
        r"(?:.*\n)*?" if line.strip() == "…" else re.escape(line.rstrip()).replace("…", ".*?") + r"[ ]*\n"
        for line in shown
        if line.strip()
    )
    seen = "".join(f"{line}\n" for line in printed.splitlines() if line.strip())
    return re.fullmatch("".join(lines), seen) is not None
