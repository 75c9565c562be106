"""`eclaireur replies adapt-language`."""

# ruff: noqa: PLC0415 - imported as a command runs, so that `eclaireur --help` answers at once

import os
from pathlib import Path
from typing import Annotated

import typer


def adapt_language(
    language: Annotated[str, typer.Argument(help="The language to learn, as fr or es.")],
    parallel: Annotated[
        list[Path] | None,
        typer.Option(help="English and translation, separated by a tab; repeat for several."),
    ] = None,
    business: Annotated[
        list[Path] | None, typer.Option(help="The same, of your own trade: half of what is trained on.")
    ] = None,
    attribution: Annotated[
        list[str] | None, typer.Option(help="Whom the pairs come from and their licence, for the card.")
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, help="How long to train; more go on from fewer.")
    ] = None,
    rows: Annotated[
        int | None, typer.Option(min=1, help="Words and pieces that get a row of their own.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="Where to write it; else where it is served from.")
    ] = None,
    ablation: Annotated[
        bool, typer.Option("--ablation", help="Write nothing; print what each part of the way brings.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for a program.")] = False,
) -> None:
    """Teach the embedding model a language from pairs of sentences. A run that was stopped goes on."""
    import re
    from dataclasses import replace

    import orjson
    from transformers.utils import logging as transformers_log

    from services.responder.adapter.distill import Plan
    from services.responder.adapter.making import Order, make_adapter
    from services.responder.adapter.making import ablation as variants
    from services.responder.embedding import model_folder
    from services.responder.settings import PACKAGED
    from shared.errors import UserError
    from shared.progress import shown_progress

    if not re.fullmatch("[a-z]{2,3}", language) or language == "en":
        raise UserError(f"{language!r} is no language to learn: give its code, as fr, es or de")
    given = {"steps": steps, "max_rows": rows}
    plan = replace(Plan(), **{name: value for name, value in given.items() if value is not None})
    data = Path(os.environ.get("ECLAIREUR_DATA_DIR") or "data")
    work = data / "adapters" / ".work"
    order = Order(language, parallel or [], business or [], attribution or [], plan, work)
    base = model_folder(os.environ.get("EMBEDDING_MODEL") or PACKAGED)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    # It reports that the pooler, which no sentence vector uses, is not loaded.
    transformers_log.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers_log.disable_progress_bar()  # type: ignore[no-untyped-call]
    with shown_progress(f"Learning {language}", total=plan.steps * (4 if ablation else 1)) as advance:
        if not ablation:
            made = make_adapter(base, order, output or data / "adapters" / language, advance)
            typer.echo(
                orjson.dumps(made).decode() if as_json else "\n".join(f"{k}: {v}" for k, v in made.items())
            )
            return
        found = list(variants(base, order, advance))
    if as_json:
        typer.echo(orjson.dumps([{"variant": name} | figures for name, figures in found]).decode())
        return
    names = list(found[0][1])
    typer.echo(f"| variant | {' | '.join(names)} |\n|{' --- |' * (len(names) + 1)}")
    for name, figures in found:
        typer.echo(f"| {name} | {' | '.join(f'{figures[one]:.3f}' for one in names)} |")
