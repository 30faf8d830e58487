"""What surrounds a command: project, settings, environment, repositories and index."""
