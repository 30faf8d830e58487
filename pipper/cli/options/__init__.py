"""Options that several commands share. Each module holds the options that become one value."""
