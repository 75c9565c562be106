"""A progress bar on the terminal, wherever a person waits."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


@contextmanager
def shown_progress(title: str, *, total: int) -> Iterator[Callable[..., None]]:
    """Show a bar on standard error; call what is given with how much was done since the last call, and with
    the total when it is known by then."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(title, total=total)
        yield lambda done, total=None: progress.update(task, advance=done, total=total)
