"""A repository: the source, the publisher and the survey for checks."""
