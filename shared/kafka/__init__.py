"""Publishing to Kafka and consuming from it with exactly one effect."""
