"""Passages in Postgres, found by meaning and by words, and how many of them are learnt.

Of a language with few passages all are compared. One with many is `large`: its words are counted beforehand,
and what is near in meaning is found by an index, once the worker has made it (see upkeep). Each language is
by itself: what the house knows in one must not be looked for among all that it knows in another.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from psycopg import sql

from shared.postgres import Connection, load_queries

_QUERIES: Final = load_queries(Path(__file__).parent / "sql" / "search.sql")
_COMPOSED: Final = {name: sql.SQL(text) for name, text in _QUERIES.items()}
LANGUAGES: Final = ("fr", "en")
BY_MEANING: Final = 200
"""Passages near in meaning, of which the ranking takes the best by meaning and words."""
BY_WORDS: Final = 500
"""Passages that a text's rarest words may find, together."""

Row = dict[str, Any]


def large_languages(connection: Connection) -> list[str]:
    """Languages of which only what is near is compared."""
    return [row["language"] for row in connection.execute(_QUERIES["large_languages"])]


def nearest_passages(
    connection: Connection, values: Mapping[str, Any], *, large: Sequence[str], dimension: int
) -> list[Row]:
    """Each asked text's best passages, by its position; `values` are the parameters of the query."""
    near = [
        _COMPOSED["near"].format(model=values["model"], language=language, dimension=dimension)
        for language in large
    ]
    query = _COMPOSED["nearest_passages"].format(
        rarest=_COMPOSED["rarest_words"],
        near=sql.SQL(" UNION ").join(near) if near else _COMPOSED["near_none"],
    )
    limits = {
        "small": [language for language in LANGUAGES if language not in large],
        "large": list(large),
        "most_by_meaning": BY_MEANING,
        "most_by_words": BY_WORDS,
    }
    with connection.transaction():
        if large:
            connection.execute(_QUERIES["tune_index_scan"], {"ef_search": str(BY_MEANING)})
        return connection.execute(query, {**values, **limits}).fetchall()


def passages_waiting(connection: Connection, *, model: str, most: int) -> int:
    """How many passages have no vector of `model`; `most` when more do."""
    row = connection.execute(_QUERIES["passages_waiting"], {"model": model, "most": most}).fetchone()
    assert row is not None  # noqa: S101 - a count
    return int(row["waiting"])


def passages_to_embed(connection: Connection, *, model: str, count: int) -> list[Row]:
    """Up to `count` passages without a vector of `model`, locked."""
    return connection.execute(_QUERIES["passages_to_embed"], {"model": model, "count": count}).fetchall()


def passages_to_embed_for(
    connection: Connection, values: Mapping[str, Any], *, count: int, most_a_text: int
) -> list[Row]:
    """Up to `count` of those that have rare words of an asked text, locked; of a large language only."""
    query = _COMPOSED["passages_to_embed_for"].format(rarest=_COMPOSED["rarest_words"])
    limits = {"count": count, "most_a_text": most_a_text, "most_by_words": BY_WORDS}
    return connection.execute(query, {**values, **limits}).fetchall()


def set_embeddings(connection: Connection, *, model: str, vectors: Mapping[UUID, str]) -> None:
    """Give passages their vectors of `model`, written as pgvector does."""
    connection.execute(
        _QUERIES["store_embeddings"],
        {"model": model, "passage_ids": list(vectors), "vectors": list(vectors.values())},
    )


def use_model(connection: Connection, model: str) -> None:
    """What has no vector of `model` is not learnt, from now on."""
    connection.execute(_QUERIES["use_model"], {"model": model})


def uses_model(connection: Connection, model: str) -> bool:
    """Whether no worker with another model was started since."""
    row = connection.execute(_QUERIES["used_model"]).fetchone()
    return row is None or row["name"] == model


def learnt(connection: Connection) -> Row:
    """`passages` in use, and how many of them are `embedded`."""
    row = connection.execute(_QUERIES["learnt"]).fetchone()
    assert row is not None  # noqa: S101 - a count
    return row


def sizes(connection: Connection, *, model: str) -> dict[str, Row]:
    """By language: `passages` in use, those `embedded` by `model`, and how many were last `counted`."""
    return {row["language"]: row for row in connection.execute(_QUERIES["sizes"], {"model": model})}


def count_words(connection: Connection, language: str) -> None:
    """Count in how many passages each word of a language is; from then on it is large."""
    connection.execute(_QUERIES["count_words"], {"language": language})


def takes_upkeep(connection: Connection) -> bool:
    """Whether no other worker keeps the indexes now; until `connection` is closed no other does then."""
    row = connection.execute(_QUERIES["take_upkeep"]).fetchone()
    return row is not None and row["taken"]


def vector_indexes(connection: Connection) -> dict[str, bool]:
    """Names of the indexes on vectors, and whether each is whole."""
    return {row["name"]: row["valid"] for row in connection.execute(_QUERIES["indexes"])}


def make_index(connection: Connection, name: str, *, model: str, language: str, dimension: int) -> None:
    """Index a language's vectors of `model` while others read and write; minutes, outside a transaction."""
    connection.execute(
        _COMPOSED["make_index"].format(
            name=sql.Identifier(name), model=model, language=language, dimension=dimension
        )
    )


def drop_index(connection: Connection, name: str) -> None:
    """Outside a transaction, too."""
    connection.execute(_COMPOSED["drop_index"].format(name=sql.Identifier(name)))
