"""The frame of a page of the site: one file with its style and its script, which loads nothing from elsewhere.

The mark in its first line tells what the page was made from and whether it is as it was written.
"""

import re
from base64 import b64encode
from hashlib import sha256

from pipper.core.site.assets import SCRIPT, STYLE
from pipper.core.site.description import text_of

SITE_FORMAT = "2"
"""Changes when pages of the same contents are written in another way."""
_START = '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><meta name="pipper-site" content="'
_MARK = re.compile(rb'.{0,99}<meta name="pipper-site" content="([0-9a-f]{64}) ([0-9a-f]{64})">')


def _source(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


POLICY = (
    f"default-src 'none'; style-src {_source(STYLE)}; script-src {_source(SCRIPT)}; "
    "base-uri 'none'; form-action 'none'"
)
"""The content security policy of every page: its own style and script, and nothing else."""


def made_from(*parts: str) -> str:
    """Return the hash of what a page is made from."""
    return sha256("\n".join((SITE_FORMAT, *(f"{len(part)}:{part}" for part in parts))).encode()).hexdigest()


def framed(title: str, main: str, *, root: str, inputs: str) -> bytes:
    """Return a page; `main` is HTML, `root` the relative URL of the site's root, `inputs` a hash by `made_from`."""
    rest = (
        '<meta name="pypi:repository-version" content="1.1">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="referrer" content="no-referrer"><meta name="color-scheme" content="light dark">'
        f"<title>{text_of(title)}</title><style>{STYLE}</style></head>\n"
        f'<body data-root="{text_of(root)}">\n{main}\n<script>{SCRIPT}</script></body></html>\n'
    ).encode("utf-8", "replace")
    return f'{_START}{inputs} {sha256(rest).hexdigest()}">'.encode() + rest


def is_own(body: bytes) -> bool:
    """Return whether pipper wrote a page, of whatever contents."""
    return _MARK.match(body) is not None


def inputs_of(body: bytes) -> str:
    """Return the hash of what a page was made from; empty if it is not as it was written."""
    mark = _MARK.match(body)
    is_whole = mark is not None and mark[2].decode() == sha256(body[mark.end() :]).hexdigest()
    return mark[1].decode() if mark is not None and is_whole else ""
