"""HTTP: one client, its pool of connections, and its errors."""
