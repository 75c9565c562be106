"""What a person sees while a start takes its time."""

import contextlib
import time
from collections.abc import Callable, Iterator

from rich.console import Console


def say(screen: Console, text: str) -> None:
    """Print a line as it is: an address or a path is not markup and is never wrapped."""
    screen.print(text, markup=False, highlight=False, soft_wrap=True)


@contextlib.contextmanager
def step(screen: Console, what: str) -> Iterator[Callable[[str], None]]:
    """Show that `what` is being done, then how long it took. Yields a way to show what it waits for."""
    started = time.monotonic()
    with screen.status(f"{what} …") as status:
        yield lambda detail: status.update(f"{what}: {detail} …")
    say(screen, f"  {what:<40} {time.monotonic() - started:5.1f} s")
