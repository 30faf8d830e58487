"""From requirements to exact versions.

request     what a solve is asked and what it answers
sources     the source rule: which one source a project comes from
candidates  releases held against the target: what fits, in which order, and why the rest does not
markers     markers held against the target
catalogue   shelves of candidates and their needs, each read once
ahead       reading what first choices lead to, as fast as answers come
texts       the texts of parsed values, each written once
admissions  which pre-releases and yanked releases may be chosen
engine      the search over sets of versions: conflict-driven, complete, knows nothing of Python packages
search      requirements become clauses of the engine, as far as a run gets to see them
reasons     why a clause holds
explain     conflicts in prose, from the reasons behind them
outcome     what was chosen, walked from the roots
solver      `solve`
agreement   whether a solution holds in another environment
"""
