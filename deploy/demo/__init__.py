"""The demonstration company: everything about it is invented, and every event says so in its source."""
