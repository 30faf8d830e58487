"""From requirements to exact versions: `solver.solve`, from a `request` to a `Resolution`."""
