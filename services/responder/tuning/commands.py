"""`eclaireur replies train` and `tunings`, through the API like anyone else."""

# ruff: noqa: PLC0415 - imported as a command runs, so that `eclaireur --help` answers at once

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Final

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for a program.")]
ASK_EVERY_S: Final = 0.3
ROUTE: Final = "/v1/tunings"


def train(as_json: AsJson = False) -> None:
    """Learn from approved replies what messages ask for; used from then on when it is better.

    Better: the right reply of the last fifth of decisions comes first plainly more often than before.
    """
    from rich.console import Console

    from shared.api_client import ask
    from shared.errors import UserError

    with _responder() as client, Console(stderr=True).status("Learning from approved replies"):
        tuning_id = ask(client, "POST", ROUTE)["tuning_id"]
        while True:
            found = ask(client, "GET", ROUTE)["tunings"]
            tuning = next(one for one in found if one["tuning_id"] == tuning_id)
            if tuning["status"] != "asked":
                break
            time.sleep(ASK_EVERY_S)
    _print(tuning) if as_json else typer.echo(_line(tuning))
    if tuning["status"] == "too_few":
        raise UserError(
            f"{tuning['examples']} approved replies to {tuning['replies']} of the house's texts: "
            f"{tuning['needed']} to two or more are needed."
        )


def tunings(as_json: AsJson = False) -> None:
    """What was learnt from approved replies, the newest first, and which is used."""
    from shared.api_client import ask

    with _responder() as client:
        found = ask(client, "GET", ROUTE)
    if as_json:
        return _print(found)
    for tuning in found["tunings"]:
        typer.echo(_line(tuning))
    if not found["tunings"]:
        typer.echo("None yet. `eclaireur replies train` learns from approved replies.")


def _line(tuning: dict[str, Any]) -> str:
    head = f"{tuning['tuning_id']}  {tuning['asked_at'][:16]}"
    if tuning["status"] != "done":
        return f"{head}  {tuning['status'].replace('_', ' ')}"
    state = "in use" if tuning["in_use"] else "better, not in use" if tuning["better"] else "not better"
    return (
        f"{head}  {state}: of {tuning['held_out']} decisions not learnt from, the right reply first "
        f"{tuning['top1_before']:.2f} before, {tuning['top1_after']:.2f} after "
        f"(1/place {tuning['mrr_before']:.3f}, {tuning['mrr_after']:.3f}, "
        f"gain {tuning['gain_low']:+.3f} to {tuning['gain_high']:+.3f})"
    )


@contextmanager
def _responder() -> Iterator[Any]:
    from shared.api_client import api_client, api_key

    url = os.environ.get("RESPONDER_URL", "http://127.0.0.1:8083")
    with api_client(url, api_key("knowledge:read", "knowledge:write")) as client:
        yield client


def _print(value: Any) -> None:
    import orjson

    typer.echo(orjson.dumps(value).decode())
