"""How much an archive unpacks to, before something that holds it in memory opens it."""

import zipfile
import zlib
from collections.abc import Iterator
from os import SEEK_CUR
from typing import IO

_NAME_LENGTH_AT = 26  # in an entry's own header, with the length of its extra field after it
_PIECE = 1 << 16


def unpacks_to_more(file: IO[bytes], most: int) -> bool:
    """Whether the entries of a ZIP archive come to more than `most` bytes, by what they really unpack to: an
    archive may say less. Raises zipfile.BadZipFile when it is none, or damaged."""
    unpacked = 0
    try:
        with zipfile.ZipFile(file) as archive:
            for entry in archive.infolist():
                for piece in _pieces(file, entry):
                    unpacked += piece
                    if unpacked > most:
                        return True
    except (zlib.error, OSError, IndexError) as error:
        raise zipfile.BadZipFile from error
    return False


def _pieces(file: IO[bytes], entry: zipfile.ZipInfo) -> Iterator[int]:
    """The sizes of the pieces that an entry unpacks to, one by one. zipfile itself stops at the size that the
    archive says, and readers of workbooks and documents do not."""
    file.seek(entry.header_offset + _NAME_LENGTH_AT)
    lengths = file.read(4)
    file.seek(int.from_bytes(lengths[:2], "little") + int.from_bytes(lengths[2:], "little"), SEEK_CUR)
    if entry.compress_type == zipfile.ZIP_STORED:
        yield entry.compress_size
        return
    if entry.compress_type != zipfile.ZIP_DEFLATED:
        raise zipfile.BadZipFile
    unpacker, left = zlib.decompressobj(-zlib.MAX_WBITS), entry.compress_size
    while left > 0 and (packed := file.read(min(_PIECE, left))):
        left -= len(packed)
        while packed:
            yield len(unpacker.decompress(packed, _PIECE))
            packed = unpacker.unconsumed_tail
