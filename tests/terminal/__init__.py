"""What a user sees: commands in a terminal of a given width, and the journeys of a new user through them."""
