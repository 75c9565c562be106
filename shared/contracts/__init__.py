"""What services tell each other: topics, events, schemas and examples. Knows no rule about leads."""
