"""The grammars of texts that come from outside, by name.

base.py          what a grammar is, and its mutants
index.py         pages of an index, metadata beside its files, listings of S3
repository.py    pages, marker, keys and bundles of a repository
site.py          the list of projects of a site, and what its pages show
locks.py         locks, authorized ones, merge conflicts, PEP 751
manifests.py     manifests of pipper, of the standards, of other tools and of 0.x
installed.py     the files of a `.dist-info`
state.py         journal, stamps, named repositories, documents of the cache
words.py         versions, specifiers, markers, durations, dates, URLs, locations
using.py         what the solver does with requirements
places.py        a folder for readers that take a path
"""

from tests.fuzz.grammars import index, installed, locks, manifests, repository, site, state, words
from tests.fuzz.grammars.base import Grammar

_PARTS = (index, repository, site, locks, manifests, installed, state, words)

GRAMMARS: dict[str, Grammar] = {grammar.name: grammar for part in _PARTS for grammar in part.GRAMMARS}
