"""Bodies are decoded as they come, whole, and never past the limit."""

import gzip
import io
import os
import tracemalloc
from collections.abc import Callable

import pytest
import zstandard

from services.ingest.bodies import BodyTooLarge, BodyUnreadable, EncodingUnknown, read_body

MOST = 1_000_000
PACKED: list[tuple[str, Callable[[bytes], bytes]]] = [("gzip", gzip.compress), ("zstd", zstandard.compress)]


@pytest.mark.parametrize(("encoding", "pack"), [*PACKED, ("identity", bytes), ("", bytes)])
@pytest.mark.parametrize("body", [b"", b"x", b"ab" * 400_000, os.urandom(700_000)])
def test_a_body_comes_out_as_it_was(encoding: str, pack: Callable[[bytes], bytes], body: bytes) -> None:
    assert read_body(io.BytesIO(pack(body)), encoding, MOST) == body


@pytest.mark.parametrize(("encoding", "pack"), PACKED)
def test_several_members_are_one_body(encoding: str, pack: Callable[[bytes], bytes]) -> None:
    assert read_body(io.BytesIO(pack(b"one\n") + pack(b"two\n")), encoding, MOST) == b"one\ntwo\n"


@pytest.mark.parametrize(("encoding", "pack"), PACKED)
def test_a_body_whose_end_is_missing_is_refused_whole(encoding: str, pack: Callable[[bytes], bytes]) -> None:
    packed = pack(b"line\n" * 1000)
    for bad in (packed[:-1], packed[: len(packed) // 2], packed[:3], packed + b"more", b"not packed"):
        with pytest.raises(BodyUnreadable):
            read_body(io.BytesIO(bad), encoding, MOST)


@pytest.mark.parametrize(("encoding", "pack"), PACKED)
def test_a_bomb_is_refused_before_it_takes_memory(encoding: str, pack: Callable[[bytes], bytes]) -> None:
    bomb = pack(b"\0" * 300_000_000)
    assert len(bomb) < MOST
    tracemalloc.start()
    try:
        with pytest.raises(BodyTooLarge):
            read_body(io.BytesIO(bomb), encoding, MOST)
        assert tracemalloc.get_traced_memory()[1] < MOST + 6_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("encoding", "pack"), [*PACKED, ("identity", bytes)])
def test_what_is_sent_is_bounded_too(encoding: str, pack: Callable[[bytes], bytes]) -> None:
    with pytest.raises(BodyTooLarge):
        read_body(io.BytesIO(pack(os.urandom(MOST + 1))), encoding, MOST)


def test_other_encodings_are_not_guessed() -> None:
    for encoding in ("br", "gzip, gzip", "x"):
        with pytest.raises(EncodingUnknown):
            read_body(io.BytesIO(b""), encoding, MOST)
