"""Find the project, settings, environment, repositories and index of a command."""
