"""File systems as they are: mounts where the machine allows them, and a shim of the C library for the rest."""
