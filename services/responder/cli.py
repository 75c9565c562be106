"""`eclaireur replies …` and `eclaireur knowledge …`."""

# ruff: noqa: PLC0415 - imported as a command runs, so that `eclaireur --help` answers at once

from pathlib import Path
from typing import Annotated

import typer

from services.responder.adapter.commands import adapt_language
from services.responder.documents.commands import knowledge
from services.responder.tuning.commands import train, tunings

app = typer.Typer()
replies = typer.Typer(no_args_is_help=True, help="How well replies are chosen.")
app.add_typer(replies, name="replies")
app.add_typer(knowledge, name="knowledge")
replies.command("adapt-language")(adapt_language)
replies.command("train")(train)
replies.command("tunings")(tunings)
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for a program.")]


@replies.callback()
def group() -> None:
    """How well replies are chosen."""


@replies.command()
def evaluate(
    train: Annotated[Path, typer.Option(help="A CSV file of labelled messages to learn from.")],
    test: Annotated[Path, typer.Option(help="A CSV file of labelled messages to ask about.")],
    text_column: Annotated[str, typer.Option(help="The column of the message.")] = "text",
    label_column: Annotated[str, typer.Option(help="The column of the label.")] = "category",
    shots: Annotated[
        int | None, typer.Option(min=1, help="Learn from this many examples a label; the mean of five draws.")
    ] = None,
    out_of_scope: Annotated[str | None, typer.Option(help="The label of what nothing answers.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say how often the right reply comes first, with the ranking used live. Stores nothing."""
    import orjson

    from services.responder.embedding import Embedder, ModelUnusable
    from services.responder.evaluation import evaluate_files
    from services.responder.settings import embedding_choice
    from shared.errors import UserError
    from shared.progress import shown_progress

    try:
        embedder = Embedder(*embedding_choice())
    except ModelUnusable as error:
        raise UserError(str(error)) from error
    with shown_progress("Reading messages", total=100) as advance:
        shown = 0

        def progress(done: int, total: int) -> None:
            nonlocal shown
            advance(100 * done // total - shown)
            shown = 100 * done // total

        result = evaluate_files(
            embedder,
            train,
            test,
            text_column,
            label_column,
            shots=shots,
            out_of_scope=out_of_scope,
            progress=progress,
        )
    if as_json:
        typer.echo(orjson.dumps(result).decode())
        return
    for name, value in result.items():
        typer.echo(f"{name}: {value:.3f}" if isinstance(value, float) else f"{name}: {value}")
