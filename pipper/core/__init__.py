"""Values and pure functions: no module here uses the disk, the network, the clock or the environment."""
