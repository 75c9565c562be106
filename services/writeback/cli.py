"""Commands of write-back: `eclaireur deliveries list` and `eclaireur deliveries resume`."""

from typing import Annotated

import typer

COLUMNS = ("delivery_id", "kind", "lead_id", "status", "attempts", "last_status", "last_error", "created_at")

app = typer.Typer()
deliveries = typer.Typer(help="What was written back.", no_args_is_help=True)
app.add_typer(deliveries, name="deliveries")


@deliveries.command("list")
def list_deliveries(
    status: Annotated[
        str | None, typer.Option(help="Only those pending, delivered, failed, superseded or disabled.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for a program.")] = False,
) -> None:
    """List what was or is to be sent, the newest first."""
    import orjson  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    from services.writeback import store  # noqa: PLC0415
    from services.writeback.settings import WritebackSettings  # noqa: PLC0415
    from shared.postgres import connect  # noqa: PLC0415
    from shared.settings import load  # noqa: PLC0415

    with connect(load(WritebackSettings).database_url, schema=store.SCHEMA) as connection:
        rows = store.list_deliveries(connection, status=status, limit=limit)
    if as_json:
        print(orjson.dumps({"deliveries": rows}).decode())
        return
    table = Table(*COLUMNS)
    for row in rows:
        table.add_row(*("" if row[name] is None else str(row[name]) for name in COLUMNS))
    Console().print(table)


@deliveries.command("resume")
def resume_deliveries() -> None:
    """Send again to a webhook that answered 410: first what waited for it."""
    from services.writeback import store  # noqa: PLC0415
    from services.writeback.settings import WritebackSettings  # noqa: PLC0415
    from services.writeback.webhook import WebhookDestination  # noqa: PLC0415
    from shared.postgres import connect  # noqa: PLC0415
    from shared.settings import load  # noqa: PLC0415

    with connect(load(WritebackSettings).database_url, schema=store.SCHEMA) as connection:
        count = store.resume(connection, WebhookDestination.name)
    print(f"{count} deliveries wait to be sent.")
