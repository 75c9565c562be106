"""The console adds no command."""

app = None
