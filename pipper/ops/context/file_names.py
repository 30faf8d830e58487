"""Names of the files and folders of a project; every command imports this module, so it imports nothing."""

PIPPER_TOML = "pipper.toml"
PYPROJECT_TOML = "pyproject.toml"
LOCK_NAME = "pipper.lock"
VENV = ".venv"
