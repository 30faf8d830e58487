"""From requirements to exact versions.

request     the input and the result of a solve
router      the source rule: which one source a project comes from
candidates  releases sorted for a target: which ones fit, in which order, and why the others do not
markers     markers evaluated for a target
catalogue   candidates and their requirements, each read once
ahead       parallel reading of what the first choices probably need
texts       the texts of parsed values, each formatted once
admissions  which pre-releases and yanked releases may be chosen
engine      the search over sets of versions: conflict-driven, complete, independent of Python packaging
search      one run: requirements become clauses of the engine as candidates are chosen
reasons     the reasons for clauses
explain     explanations of conflicts, made from reasons
outcome     from chosen candidates to a resolution
solver      `solve`
agreement   reuse of a solution in another environment
"""
