"""The APIs described: /openapi.json for programs, /docs for people."""

from shared.openapi.describe import describe
from shared.openapi.serving import serve

__all__ = ["describe", "serve"]
