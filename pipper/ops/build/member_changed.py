"""A member that changed while it was built: what was built is of neither state."""

from pipper.errors import ConflictError


class MemberChangedError(ConflictError):
    """What a build gave is not of the state of the files that it is for. Nothing has been changed."""
