"""Values and pure functions: nothing here touches a disk, the network, the clock or the environment."""
