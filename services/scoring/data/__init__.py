"""Lists kept by hand, one entry a line; each file says where it comes from."""

from pathlib import Path


def listed(name: str) -> frozenset[str]:
    """The entries of `name`.txt."""
    lines = (Path(__file__).parent / f"{name}.txt").read_text(encoding="utf-8").split("\n")
    return frozenset(line for line in lines if line and not line.startswith("#"))
