"""Files as they were downloaded: loose, or in zip archives, which are read without unpacking them to disk."""

import io
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from training.corpus.conversation import CorpusError

# The largest file of AI Hub's dialogues has some 40 MB.
LARGEST = 256 * 2**20  # bytes that one file may have, and all that one archive unpacks to
_ALL = 2 * LARGEST  # and all files together, since they are held in memory
_MOST = 1_000  # files in one archive
_DEEPEST = 2  # an archive of archives, as a whole download is; no more
_DENSEST = 200  # times that a file may grow; Korean JSON grows ten times, and deflate can a thousand times
_SMALL = 2**20  # bytes; below this, growth is not asked
_PIECE = 2**20  # bytes unpacked at a time

# What zipfile raises where an archive is damaged or is something else.
_BROKEN = (
    zipfile.BadZipFile,
    NotImplementedError,
    ValueError,
    EOFError,
    OSError,
    OverflowError,
    struct.error,
    IndexError,
)


def read_files(path: Path, suffixes: frozenset[str]) -> list[tuple[str, bytes]]:
    """Names and contents of the files with ``suffixes`` at ``path``: a file, an archive, or a folder of both.

    Names are composed (NFC) and name the archive as well. Raises ``CorpusError`` for what is missing, damaged,
    encrypted, too large, or named so that it would leave its folder.
    """
    files, size = [], 0
    for name, content in _all_files(path, suffixes):
        files.append((name, content))
        size += len(content)
        if size > _ALL:
            raise CorpusError(f"{path}: its files have more than {_ALL // 2**20} MiB")
    return files


def _all_files(path: Path, suffixes: frozenset[str]) -> Iterator[tuple[str, bytes]]:
    if path.is_dir():
        found = sorted(file for file in path.rglob("*") if file.is_file() and not file.name.startswith("."))
    elif path.is_file():
        found = [path]
    else:
        raise CorpusError(f"{path}: no such file or folder")
    for file in found:
        suffix = file.suffix.lower()
        if suffix != ".zip" and suffix not in suffixes:
            continue
        name = unicodedata.normalize("NFC", str(file.relative_to(path) if path.is_dir() else file.name))
        try:
            if file.stat().st_size > LARGEST:
                raise CorpusError(f"{file}: larger than {LARGEST // 2**20} MiB")
            content = file.read_bytes()
        except OSError as error:
            raise CorpusError(f"{file}: {error.strerror}") from None
        yield from _unpacked(name, content, suffixes, 1) if suffix == ".zip" else [(name, content)]


def stored_anew(name: str, content: bytes) -> bytes:
    """A zip archive whose files are those of ``content``, read within the limits: an XLSX file is an archive as well.

    Who opens it unpacks nothing, so an archive that lies about its sizes cannot harm them. ``CorpusError`` as above.
    """
    safe = io.BytesIO()
    with _opened(name, content) as archive, zipfile.ZipFile(safe, "w") as copy:
        for entry in _check(name, archive):
            if not entry.is_dir():
                copy.writestr(zipfile.ZipInfo(entry.filename), _read(name, archive, entry))
    return safe.getvalue()


def _unpacked(name: str, content: bytes, suffixes: frozenset[str], depth: int) -> Iterator[tuple[str, bytes]]:
    with _opened(name, content) as archive:
        for entry in _check(name, archive):
            suffix = PurePosixPath(entry.filename).suffix.lower()
            hidden = PurePosixPath(entry.filename).parts[:1] == ("__MACOSX",)
            if entry.is_dir() or hidden or (suffix != ".zip" and suffix not in suffixes):
                continue
            inner = f"{name}/{unicodedata.normalize('NFC', entry.filename)}"
            if suffix == ".zip" and depth == _DEEPEST:
                raise CorpusError(f"{inner}: archives within archives within archives are not read")
            unpacked = _read(name, archive, entry)
            yield from _unpacked(inner, unpacked, suffixes, depth + 1) if suffix == ".zip" else [(inner, unpacked)]


def _read(name: str, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """One file's content: never more than the size that was checked, and its sum is checked.

    Asked for all, ``zipfile`` would unpack whatever is there before it cuts that to the size.
    """
    content = bytearray()
    try:
        with archive.open(entry) as file:
            while piece := file.read(_PIECE):
                content += piece
    except (*_BROKEN, zlib.error, RuntimeError) as error:
        raise CorpusError(f"{name}/{entry.filename}: the archive is damaged or truncated: {error}") from None
    return bytes(content)


def _opened(name: str, content: bytes) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(io.BytesIO(content))
    except _BROKEN as error:
        raise CorpusError(f"{name}: the archive is damaged or truncated: {error}") from None


def _check(name: str, archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    entries = archive.infolist()
    if len(entries) > _MOST:
        raise CorpusError(f"{name}: the archive holds more than {_MOST} files")
    if sum(entry.file_size for entry in entries) > LARGEST:
        raise CorpusError(f"{name}: the archive would unpack to more than {LARGEST // 2**20} MiB")
    for entry in entries:
        parts = PurePosixPath(entry.filename.replace("\\", "/")).parts
        if not parts or parts[0] == "/" or ".." in parts or ":" in parts[0]:
            raise CorpusError(f"{name}: the archive names {entry.filename!r}, which is outside of it")
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            # Of the others zipfile unpacks as much as there is, however little is asked for.
            raise CorpusError(f"{name}: {entry.filename} is packed in a way that is not read here")
        if entry.flag_bits & 1:
            raise CorpusError(f"{name}: {entry.filename} is encrypted")
        if entry.file_size > max(_SMALL, _DENSEST * entry.compress_size):
            raise CorpusError(f"{name}: {entry.filename} would grow more than {_DENSEST} times")
    return entries
