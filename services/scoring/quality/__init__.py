"""Data quality: what is missing, wrong, contradictory or silent, who owns it and what it costs in ranking."""
