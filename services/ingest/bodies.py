"""The body of a request, decoded, and never more of it in memory than the limit."""

import gzip
import zlib
from collections.abc import Callable, Iterator
from io import BufferedIOBase
from typing import IO, Final, Protocol, cast

import zstandard

ENCODINGS: Final = ("gzip", "zstd")
ZSTD_WINDOW_BYTES: Final = 8 * 1024 * 1024
"""What RFC 8878 (section 3.1.1.1.2) recommends to support, and what browsers and vendors keep to."""
SLICE_BYTES: Final = 64
"""A block of zstd takes 4 bytes at least and gives 128 kB at most: of a slice never more than 2 MB come."""


class BodyTooLarge(Exception):
    """It is over the limit, as sent or decoded."""


class BodyUnreadable(Exception):
    """It is not what its Content-Encoding says, or its end is missing."""


class EncodingUnknown(Exception):
    """None of ENCODINGS."""


class Readable(Protocol):
    def read(self, size: int = ..., /) -> bytes: ...


class _Limited(BufferedIOBase):
    """A stream that raises BodyTooLarge past `most` bytes."""

    def __init__(self, stream: Readable, most: int) -> None:
        self._stream, self._left = stream, most

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        wanted = self._left + 1 if size is None or size < 0 else min(size, self._left + 1)
        data = self._stream.read(wanted)
        self._left -= len(data)
        if self._left < 0:
            raise BodyTooLarge
        return data


def read_body(stream: Readable, encoding: str, most: int) -> bytes:
    """All of `stream`, decoded from one of ENCODINGS or as it is ("identity").

    Raises EncodingUnknown, BodyUnreadable, and BodyTooLarge when it is over `most` bytes, as sent or decoded:
    past the limit nothing is decoded.
    """
    decode = _DECODERS.get(encoding.strip().lower())
    if decode is None:
        raise EncodingUnknown
    body = bytearray()
    try:
        for piece in decode(_Limited(stream, most)):
            body += piece
            if len(body) > most:
                raise BodyTooLarge
    except (OSError, EOFError, zlib.error, zstandard.ZstdError) as error:
        raise BodyUnreadable from error
    return bytes(body)


def _identity(stream: BufferedIOBase) -> Iterator[bytes]:
    while piece := stream.read(1_000_000):
        yield piece


def _gunzip(stream: BufferedIOBase) -> Iterator[bytes]:
    return _identity(cast(BufferedIOBase, gzip.GzipFile(fileobj=cast(IO[bytes], stream), mode="rb")))


def _unzstd(stream: BufferedIOBase) -> Iterator[bytes]:
    decompressor = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW_BYTES)
    frame = decompressor.decompressobj()
    begun = False
    for piece in _identity(stream):
        for start in range(0, len(piece), SLICE_BYTES):
            rest = piece[start : start + SLICE_BYTES]
            while rest:
                begun = True
                yield frame.decompress(rest)
                rest = frame.unused_data
                if frame.eof:  # another frame may follow
                    frame, begun = decompressor.decompressobj(), False
    if begun:
        raise BodyUnreadable


_DECODERS: Final[dict[str, Callable[[BufferedIOBase], Iterator[bytes]]]] = {
    "identity": _identity,
    "": _identity,
    "gzip": _gunzip,
    "zstd": _unzstd,
}
