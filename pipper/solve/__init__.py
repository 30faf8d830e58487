"""From requirements to exact versions: `solver.solve`, from a `request` to a `Resolution`.

resolvelib decides: it pins, tries and goes back. `provider` answers its questions, and `clauses` holds what is
known. Three things make the result complete, which resolvelib alone is not:

- A candidate demands itself, so a pin changes only by going back, and no requirement of it is lost on the way.
- Every rejection follows from clauses, and a project with no candidate left gives a new clause over earlier
  choices (conflict-driven learning, as in PubGrub). No dead end is entered twice.
- While the last conflict still holds, nothing is offered, so resolvelib goes back to where it ends.

There is no solution only if the roots and limits alone make a clause hold. That clause is the proof, and
`explain` tells it.
"""
