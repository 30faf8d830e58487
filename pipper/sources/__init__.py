"""Source adapters: where candidates, their metadata and their files come from."""
