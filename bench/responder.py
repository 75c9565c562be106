"""What French costs the responder, beside its English model alone, in turn. See bench/README.md.

`make bench-responder`, or `python -m bench.responder --rounds 5 --json`.
"""

import csv
import json
import multiprocessing
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

import numpy as np
import psutil
import typer
from rich.console import Console
from rich.table import Table

# The processes that are measured import this module too: nothing of the responder is imported above.
MESSAGES: Final = Path(__file__).parents[1] / "services" / "responder" / "adapter" / "fr" / "development.tsv"
IN_ENGLISH, IN_FRENCH = "english", "translation"
ALONE, BESIDE, FRENCH, BOTH = "English, no adapter", "English, with it", "French", "both by turns"
SIDES: Final = {
    ALONE: (IN_ENGLISH,),
    BESIDE: (IN_ENGLISH,),
    FRENCH: (IN_FRENCH,),
    BOTH: (IN_ENGLISH, IN_FRENCH),
}
COMPARED: Final = (BESIDE, FRENCH)
TARGETED: Final = ("ready_cpu_s", "cpu_ms")
MOST: Final = 1.10
"""Of what the English model needs alone, to be ready and for a message. CPU time is judged: what a busy
machine adds to the wall clock falls on either side by chance."""


@dataclass(slots=True)
class Measured:
    """One side: a value a round, but a message's times, which are of all rounds."""

    ready_s: list[float] = field(default_factory=list)
    ready_cpu_s: list[float] = field(default_factory=list)
    resident_mb: list[float] = field(default_factory=list)
    wall_ms: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)

    def summary(self) -> dict[str, float]:
        return {
            "ready_s": statistics.median(self.ready_s),
            "ready_cpu_s": statistics.median(self.ready_cpu_s),
            "p50_ms": float(np.quantile(self.wall_ms, 0.5)),
            "p99_ms": float(np.quantile(self.wall_ms, 0.99)),
            "cpu_ms": statistics.median(self.cpu_ms),
            "resident_mb": statistics.median(self.resident_mb),
        }


def embed_for(pipe: Connection, adapted: bool, first: list[str]) -> None:
    """A process that embeds as the worker does: tell when it is ready, each text's time, and the memory.

    Ready is from the first import of the responder to the vectors of `first`.
    """
    wall, cpu = time.perf_counter(), time.process_time()
    from services.responder import embedding  # noqa: PLC0415 - what is measured

    if not adapted:
        embedding.adapters_for = lambda _: {}
    embedder = embedding.Embedder(embedding.PACKAGED)
    embedder.embed(first)
    pipe.send((time.perf_counter() - wall, time.process_time() - cpu))
    while (text := pipe.recv()) is not None:
        wall, cpu = time.perf_counter(), time.process_time()
        embedder.embed([text])
        pipe.send((1000 * (time.perf_counter() - wall), 1000 * (time.process_time() - cpu)))
    pipe.send(psutil.Process().memory_info().rss / 1e6)


@contextmanager
def embedding_process(adapted: bool, first: list[str]) -> Iterator[Connection]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=embed_for, args=(theirs, adapted, first), daemon=True)
    process.start()
    theirs.close()
    with closing(ours):
        yield ours
    process.join()


def measure(results: dict[str, Measured], messages: list[dict[str, str]]) -> None:
    """One round: the sides become ready in turn, then take turns at each text, then tell their memory."""
    with ExitStack() as stack:
        pipes = {}
        for name, languages in SIDES.items():
            first = [messages[0][language] for language in languages]
            pipes[name] = stack.enter_context(embedding_process(name != ALONE, first))
            ready_s, ready_cpu_s = pipes[name].recv()
            results[name].ready_s.append(ready_s)
            results[name].ready_cpu_s.append(ready_cpu_s)
        for number, message in enumerate(messages):
            for name, languages in SIDES.items():
                pipes[name].send(message[languages[number % len(languages)]])
                wall_ms, cpu_ms = pipes[name].recv()
                results[name].wall_ms.append(wall_ms)
                results[name].cpu_ms.append(cpu_ms)
        for name, pipe in pipes.items():
            pipe.send(None)
            results[name].resident_mb.append(pipe.recv())


def main(rounds: int = 5, as_json: bool = typer.Option(False, "--json")) -> None:
    """Measure, print medians; exit status 1 when French is dearer than it may be."""
    screen = Console(stderr=True)
    with MESSAGES.open(encoding="utf-8", newline="") as file:
        messages = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    screen.print("warming up: a model is exported once")
    measure({name: Measured() for name in SIDES}, messages)
    results = {name: Measured() for name in SIDES}
    for number in range(rounds):
        screen.print(f"round {number + 1} of {rounds}")
        measure(results, messages)
    rows = {name: found.summary() for name, found in results.items()}
    ratios = {
        name: {column: rows[name][column] / rows[ALONE][column] for column in rows[ALONE]}
        for name in SIDES
        if name != ALONE
    }
    if as_json:
        print(json.dumps({"medians": rows, "ratios": ratios, "most": MOST}, indent=2))
    else:
        table = Table("side", "ready s", "CPU s", "p50 ms", "p99 ms", "CPU ms", "resident MB", box=None)
        for name, row in rows.items():
            digits = (2, 2, 1, 1, 1, 0)
            table.add_row(name, *(f"{value:.{n}f}" for value, n in zip(row.values(), digits, strict=True)))
        Console().print(table)
        for name in COMPARED:
            shown = ", ".join(f"{column} {ratios[name][column]:.2f}" for column in TARGETED)
            print(f"{name} / {ALONE}: {shown} (at most {MOST:.2f})")
    sys.exit(any(ratios[name][column] > MOST for name in COMPARED for column in TARGETED))


if __name__ == "__main__":
    typer.run(main)
