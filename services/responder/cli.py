"""The responder adds no command yet: knowledge is posted to its API."""

app = None
