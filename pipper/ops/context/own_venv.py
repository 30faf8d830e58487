"""The environment of a project, as it is. A remembered lock imports this module, so it imports little."""

from pathlib import Path

from pipper.ops.context.project_files import environment_path
from pipper.ops.context.settings import Settings
from pipper.python.venv import venv_python_path
from pipper.system.trust import refuse_foreign, refuse_link_out


def own_venv(settings: Settings, root: Path) -> Path | None:
    """Return the python of a project's environment, None if it is missing.

    Raises MachineError if it belongs to another user, or if a link leads it out of the project.
    """
    path = Path(environment_path(root, settings.environ))
    refuse_foreign(path)
    refuse_link_out(path, root)
    python = venv_python_path(path)
    return Path(python) if python else None
