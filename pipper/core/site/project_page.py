"""The page of a project for people, which is its page of the simple API (PEP 503, 592, 658, 714) too.

Every `<a>` is a file of the project, or leads to a page of the site, whose name no installer takes for a file.
"""

import re
from collections.abc import Iterator
from urllib.parse import quote

from msgspec import Struct
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from pipper.core.layout.keys import SITE_PAGE
from pipper.core.layout.page import PageFile, ProjectPage
from pipper.core.layout.page_json import dump_page
from pipper.core.layout.published import PackageVersion, PublishedPackage, versions_of
from pipper.core.layout.simple_pages import Address, anchor
from pipper.core.site.about import NOTHING, About
from pipper.core.site.description import description_html, link_of, text_of
from pipper.core.site.frame import framed, made_from
from pipper.core.site.graph import PackageGraph, graph_of
from pipper.core.site.graph_picture import graph_html
from pipper.core.site.listing import Listing, described_file, required_name, required_names
from pipper.core.wheel_identity import wheel_identity
from pipper.core.wording import counted, human_size

_LONG = 20
"""Names of a list that are shown without being asked for."""


_PROJECT_LINK = re.compile(rb'<a href="[.][.]/([a-z0-9-]+)/index[.]html">')


class ProjectView(Struct, frozen=True, kw_only=True):
    """What the page of a project shows."""

    page: ProjectPage
    about: About = NOTHING
    """From the METADATA of `described_file`."""
    own: frozenset[NormalizedName] = frozenset()
    """Required projects that have pages of their own."""
    dependants: tuple[NormalizedName, ...] = ()
    graph: PackageGraph | None = None


def view_of(page: ProjectPage, about: About, listing: Listing) -> ProjectView:
    """Return what a page shows, with what the listing knows of its neighbours."""
    needed = required_names(page, described_file(page))
    return ProjectView(
        page=page,
        about=about,
        own=frozenset(needed) & listing.projects.keys(),
        dependants=listing.dependants(page.name),
        graph=graph_of(page.name, listing),
    )


def project_inputs(view: ProjectView) -> str:
    """Return the hash of what the page is made from. METADATA counts by its hash, which the page has."""
    graph = view.graph.described() if view.graph else ()
    return made_from(
        *("project", dump_page(view.page).decode(), " ".join(sorted(view.own)), " ".join(view.dependants)),
        *graph,
    )


def linked_projects(body: bytes) -> frozenset[NormalizedName]:
    """Return the projects that a page of a project leads to: all that it requires, and all that require it."""
    return frozenset(canonicalize_name(name.decode()) for name in _PROJECT_LINK.findall(body))


def project_page(view: ProjectView, address: Address, *, inputs: str) -> bytes:
    """Return the page of a project; `address` returns the URL of a file, relative to the page."""
    package = PublishedPackage(name=view.page.name, versions=versions_of(view.page))
    sections = (
        *_head(view, package),
        *_install(package),
        *_files(view.page, package, address),
        *_requirements(view),
        *_names("Required by", view.dependants),
        *(graph_html(view.graph) if view.graph else ()),
        *_removed(view.page),
        *_details(view),
        *_description(view.about),
    )
    main = (
        f'<nav><a href="../{SITE_PAGE}">All packages</a></nav>\n<main>\n' + "\n".join(sections) + "\n</main>"
    )
    return framed(view.page.name, main, root="../", inputs=inputs)


def _head(view: ProjectView, package: PublishedPackage) -> Iterator[str]:
    newest = f" <small>{package.newest.version}</small>" if package.newest else ""
    yield f"<h1>{text_of(package.name)}{newest}</h1>"
    if view.about.summary:
        yield f"<p>{text_of(view.about.summary)}</p>"


def _install(package: PublishedPackage) -> Iterator[str]:
    if package.newest is None or not package.newest.files:
        return
    name, index = text_of(package.name), "<span data-index>URL-OF-THIS-SITE</span>"
    yield (
        '<h2 id="install">Install</h2>\n'
        f"<pre><code>pipper add {name}\npip install --index-url {index} {name}\n"
        f"uv pip install --index-url {index} {name}</code></pre>"
    )


def _files(page: ProjectPage, package: PublishedPackage, address: Address) -> Iterator[str]:
    files: dict[Version, list[PageFile]] = {}
    for file in page.files:
        files.setdefault(wheel_identity(file.filename).version, []).append(file)
    yield '<h2 id="files">Versions</h2>'
    if not package.versions:
        yield "<p>There is no version.</p>"
    first = package.newest or next(iter(package.versions), None)
    if first is not None:
        yield _version(first, files.get(first.version, []), address)
    rest = [each for each in package.versions if each is not first]
    if rest:
        yield f"<details><summary>{counted(len(rest), 'other version')}</summary>"
        yield from (_version(each, files.get(each.version, []), address) for each in rest)
        yield "</details>"


def _version(each: PackageVersion, files: list[PageFile], address: Address) -> str:
    notes = [f"uploaded {each.uploaded:%Y-%m-%d}"] if each.uploaded else []
    notes += [each.notes.publisher] if each.notes.publisher else []
    notes += [f"copied from {each.notes.origin}"] if each.notes.origin else []
    yanked = ""
    if each.yanked is not None:
        yanked = f' <span class="bad">yanked{text_of(f": {each.yanked}" if each.yanked else "")}</span>'
    items = "".join(f"<li>{_file(file, address)}</li>\n" for file in files)
    if not files:
        items = "<li>a bundle of pipper 0.x, which only pipper can install</li>\n"
    said = text_of(", ".join(notes))
    return f"<h3>{each.version} <small>{said}</small>{yanked}</h3>\n<ul>\n{items}</ul>"


def _file(file: PageFile, address: Address) -> str:
    facts = [human_size(file.size)]
    facts += [f"Python {file.needs.requires_python}"] if file.needs.requires_python else []
    return (
        f"{anchor(file, address(file))} <small>{text_of(', '.join(facts))}</small>"
        f"<br><code>sha256:{file.sha256}</code>"
    )


def _requirements(view: ProjectView) -> Iterator[str]:
    file = described_file(view.page)
    lines = (*file.needs.requires_dist, *file.needs.dependencies) if file else ()
    if not lines:
        return
    yield '<h2 id="requires">Requires</h2>\n<ul>'
    for line in lines:
        name = required_name(line)
        own = name is not None and name in view.own
        link = f' <a href="../{quote(name)}/{SITE_PAGE}">{text_of(name)}</a>' if own and name else ""
        yield f"<li><code>{text_of(line)}</code>{link}</li>"
    yield "</ul>"


def _names(title: str, names: tuple[NormalizedName, ...]) -> Iterator[str]:
    if not names:
        return
    links = (f'<li><a href="../{quote(name)}/{SITE_PAGE}">{text_of(name)}</a></li>' for name in names)
    items = "<ul>\n" + "\n".join(links) + "\n</ul>"
    if len(names) > _LONG:
        items = f"<details><summary>{counted(len(names), 'package')}</summary>\n{items}</details>"
    yield f"<h2>{title}</h2>\n{items}"


def _removed(page: ProjectPage) -> Iterator[str]:
    if page.removed:
        items = (
            f"<li>{text_of(each.filename)} <small>{text_of(str(each))}</small></li>" for each in page.removed
        )
        yield "<h2>Removed</h2>\n<ul>\n" + "\n".join(items) + "\n</ul>"


def _details(view: ProjectView) -> Iterator[str]:
    about, file = view.about, described_file(view.page)
    extras = ", ".join(file.needs.provides_extra) if file else ""
    rows = [
        ("Author", text_of(about.author)),
        ("Licence", text_of(about.licence)),
        ("Extras", text_of(extras)),
    ]
    rows += [(text_of(label), link_of(url, url)) for label, url in about.links]
    shown = "\n".join(f"<dt>{label}</dt><dd>{value}</dd>" for label, value in rows if value)
    if shown:
        yield f"<h2>Details</h2>\n<dl>\n{shown}\n</dl>"


def _description(about: About) -> Iterator[str]:
    if about.description.strip():
        shown = description_html(about.description, about.content_type)
        yield f'<h2 id="description">Description</h2>\n<article>\n{shown}\n</article>'
