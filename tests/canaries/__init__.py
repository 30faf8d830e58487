"""Canaries behind links: no command may touch them, whatever link lies where pipper writes.

Each scene is a command in a hostile clone. A first run of it is watched: what it opens for writing, makes, renames,
removes or changes the mode of. Then, on a fresh copy for each such path, a link to a canary lies there, or at a folder
above it, and the command runs again. The canary must be as it was: bytes, mode, time.
"""
