"""The manifest: what a project asks for, as a value, and as text that is read and edited."""
