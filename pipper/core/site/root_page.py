"""The root page of a site: all projects, with a search that needs no server. The root of the simple API (PEP 503)."""

from collections.abc import Iterable
from urllib.parse import quote

from pipper.core.layout.keys import SITE_PAGE
from pipper.core.site.description import text_of
from pipper.core.site.frame import framed, made_from
from pipper.core.site.listing import ListedProject, Listing, dump_listing
from pipper.core.wording import counted


def root_inputs(listing: Listing) -> str:
    """Return the hash of what the root page is made from."""
    return made_from("root", dump_listing(listing).decode())


def root_page(projects: Iterable[ListedProject], *, inputs: str) -> bytes:
    """Return the root page with these projects; entries with a name alone are shown as a name."""
    items = [_item(each) for each in projects]
    main = (
        f"<header><h1>Packages</h1><p class=quiet>{counted(len(items), 'package')}</p></header>\n<main>\n"
        '<p id="finder" hidden><label for="search">Search</label>'
        '<input id="search" type="search" autocomplete="off" spellcheck="false">'
        '<output id="found" for="search" aria-live="polite" class="quiet"></output></p>\n'
        f'<ul class="list" id="packages">\n{"".join(items)}</ul>\n</main>'
    )
    return framed("Packages", main, root="./", inputs=inputs)


def _item(each: ListedProject) -> str:
    facts = [each.newest or "no version to choose"] if each.versions else []
    facts += [counted(each.versions, "version")] if each.versions > 1 else []
    facts += [f"uploaded {each.uploaded}"] if each.uploaded else []
    note = f" <small>{text_of(', '.join(facts))}</small>" if facts else ""
    summary = f"<br>{text_of(each.summary)}" if each.summary else ""
    return f'<li><a href="{quote(each.name)}/{SITE_PAGE}">{text_of(each.name)}</a>{note}{summary}</li>\n'
