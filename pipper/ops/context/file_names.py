"""The files and folders of a project. No more stands here, for what runs a thousand times a day needs these names."""

PIPPER_TOML = "pipper.toml"
PYPROJECT_TOML = "pyproject.toml"
LOCK_NAME = "pipper.lock"
VENV = ".venv"
