"""How fast the responder is, beside its parts and the library it could use as it is. See bench/README.md.

`make bench-responder`, or `python -m bench.responder --rounds 5 --json`.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from bench import searching
from bench.answering import Drafter, drafted_after_ms
from bench.sides import ALONE, BESIDE, BOTH, EMBEDDING, FRENCH, TORCH
from services.responder.retrieval import Asked
from tests.harness.invented import COLUMNS, adapter_rows
from tests.harness.platform import new_installation, running_platform

LANGUAGES: Final = {
    TORCH: ("en", "fr"),
    ALONE: ("en",),
    BESIDE: ("en",),
    FRENCH: ("fr",),
    BOTH: ("en", "fr"),
}
PASSAGES: Final = 100_000
AT_MOST: Final = {
    "ready: shipped to torch": 0.15,
    "ready CPU: English with the adapter to without": 1.10,
    "ready CPU: French to English without the adapter": 1.10,
    "CPU a message: English with the adapter to without": 1.10,
    "CPU a message: French to English without the adapter": 1.10,
}
"""CPU time is judged where two sides do nearly the same: what a busy machine adds to the wall clock falls on
either by chance."""
AT_LEAST: Final = {"drafts/s to torch encoding the same messages": 1.0, "recall@5 of the index": 0.95}


@dataclass(slots=True)
class Measured:
    """One side: a value a round, but a message's times, which are of all rounds."""

    ready_s: list[float] = field(default_factory=list)
    ready_cpu_s: list[float] = field(default_factory=list)
    wall_ms: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)
    resident_mb: list[float] = field(default_factory=list)

    def summary(self) -> dict[str, float]:
        return {
            "ready_s": statistics.median(self.ready_s),
            "ready_cpu_s": statistics.median(self.ready_cpu_s),
            "p50_ms": float(np.quantile(self.wall_ms, 0.5)),
            "p99_ms": float(np.quantile(self.wall_ms, 0.99)),
            "cpu_ms": statistics.median(self.cpu_ms),
            "resident_mb": statistics.median(self.resident_mb),
        }


class Side:
    """A process of `bench.sides`."""

    def __init__(self, name: str, first: Sequence[str]) -> None:
        started = time.perf_counter()
        self._process = subprocess.Popen(  # noqa: S603 - our own command line
            [sys.executable, "-m", "bench.sides", name, json.dumps(first)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            bufsize=1,
        )
        self.ready_cpu_s = float(self._told())
        self.ready_s = time.perf_counter() - started

    def embed(self, text: str) -> tuple[float, float]:
        """(wall, CPU) in ms."""
        ((wall_ms, cpu_ms),) = self._asked([text])
        return wall_ms, cpu_ms

    def resident_mb(self) -> float:
        return float(self._asked([]))

    def close(self) -> None:
        self._process.communicate()

    def _asked(self, texts: Sequence[str]) -> Any:
        assert self._process.stdin is not None  # noqa: S101 - a pipe
        self._process.stdin.write(json.dumps(texts) + "\n")
        return self._told()

    def _told(self) -> Any:
        assert self._process.stdout is not None  # noqa: S101 - a pipe
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"a side ended with status {self._process.wait()}")
        return json.loads(line)


@contextmanager
def side(name: str, first: Sequence[str]) -> Iterator[Side]:
    process = Side(name, first)
    try:
        yield process
    finally:
        process.close()


def measure(results: Mapping[str, Measured], messages: Sequence[Mapping[str, str]]) -> None:
    """One round: the sides become ready in turn, then take turns at each text, then tell their memory."""

    def text(name: str, number: int) -> str:
        languages = LANGUAGES[name]
        return messages[number][COLUMNS[languages[number % len(languages)]]]

    with ExitStack() as stack:
        sides = {}
        for name in EMBEDDING:
            # The bare library's first is English, as the shipped side's that it is compared with.
            first = [messages[0][COLUMNS[language]] for language in LANGUAGES[name]]
            sides[name] = stack.enter_context(side(name, first))
            results[name].ready_s.append(sides[name].ready_s)
            results[name].ready_cpu_s.append(sides[name].ready_cpu_s)
        for number in range(len(messages)):
            for name, process in sides.items():
                wall_ms, cpu_ms = process.embed(text(name, number))
                results[name].wall_ms.append(wall_ms)
                results[name].cpu_ms.append(cpu_ms)
        for name, process in sides.items():
            results[name].resident_mb.append(process.resident_mb())


def main(rounds: int = 5, passages: int = PASSAGES, as_json: bool = typer.Option(False, "--json")) -> None:
    """Measure, print medians; exit status 1 when a target is missed."""
    screen = Console(stderr=True)
    messages = adapter_rows("development.tsv")
    asked = [
        Asked(row[COLUMNS[language]], language)
        for row, language in zip(messages, ("en", "fr") * len(messages), strict=False)
    ]
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, running_platform() as platform:
        with new_installation(platform) as installation:
            screen.print("warming up: a model is exported once")
            drafter = Drafter(installation)
            drafter.drafts_per_s(asked)
            results = {name: Measured() for name in EMBEDDING}
            drafts_per_s, encoded_per_s = [], []
            for number in range(rounds):
                screen.print(f"round {number + 1} of {rounds}")
                measure(results, messages)
                encoded_per_s.append(1000 * len(messages) / sum(results[TORCH].wall_ms[-len(messages) :]))
                drafts_per_s.append(drafter.drafts_per_s(asked))
        with new_installation(platform) as installation:
            screen.print("messages one at a time, through Kafka")
            drafted = drafted_after_ms(installation, asked, Path(folder))
        with new_installation(platform) as installation:
            screen.print(f"{passages:,} passages, and an index of them: minutes")
            searched = searching.measure(installation, passages, rounds)
    rows = {name: found.summary() for name, found in results.items()}

    def ratio(column: str, one: str, other: str) -> float:
        return rows[one][column] / rows[other][column]

    figures = {
        "ready: shipped to torch": ratio("ready_s", BESIDE, TORCH),
        "ready CPU: English with the adapter to without": ratio("ready_cpu_s", BESIDE, ALONE),
        "ready CPU: French to English without the adapter": ratio("ready_cpu_s", FRENCH, ALONE),
        "CPU a message: English with the adapter to without": ratio("cpu_ms", BESIDE, ALONE),
        "CPU a message: French to English without the adapter": ratio("cpu_ms", FRENCH, ALONE),
        "drafts/s to torch encoding the same messages": statistics.median(
            drafts / encoded for drafts, encoded in zip(drafts_per_s, encoded_per_s, strict=True)
        ),
        "recall@5 of the index": searched.recall,
    }
    reported = {
        "drafts_per_s": statistics.median(drafts_per_s),
        "torch_encodes_per_s": statistics.median(encoded_per_s),
        "message_to_draft_p50_ms": float(np.quantile(drafted, 0.5)),
        "message_to_draft_p95_ms": float(np.quantile(drafted, 0.95)),
        **{f"search_{name}": value for name, value in searched.summary().items()},
    }
    missed = [name for name, most in AT_MOST.items() if figures[name] > most]
    missed += [name for name, least in AT_LEAST.items() if figures[name] < least]
    if as_json:
        told = {"medians": rows, "figures": figures, "reported": reported, "missed": missed}
        print(json.dumps(told | {"at_most": AT_MOST, "at_least": AT_LEAST}, indent=2))
    else:
        show(rows, figures, reported)
    sys.exit(bool(missed))


def show(
    rows: Mapping[str, Mapping[str, float]], figures: Mapping[str, float], reported: Mapping[str, float]
) -> None:
    table = Table("side", "ready s", "CPU s", "p50 ms", "p99 ms", "CPU ms", "resident MB", box=None)
    for name, row in rows.items():
        digits = (2, 2, 1, 1, 1, 0)
        table.add_row(name, *(f"{value:.{n}f}" for value, n in zip(row.values(), digits, strict=True)))
    Console().print(table)
    for name, value in reported.items():
        print(f"{name}: {value:,.2f}")
    for name, value in figures.items():
        bound = f"at most {AT_MOST[name]:.2f}" if name in AT_MOST else f"at least {AT_LEAST[name]:.2f}"
        print(f"{name}: {value:.2f} ({bound})")


if __name__ == "__main__":
    typer.run(main)
