"""AI Hub's 감성대화 말뭉치 (dataset 86, by NIA 한국지능정보사회진흥원): JSON, XLSX or CSV, loose or in its zips.

Its terms allow an operator to train on it, and nobody to pass it on: nothing of it is part of this project.
"""

import csv
import io
import json
import struct
import unicodedata
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from model.emotions import EMOTIONS
from training.corpus.archives import read_files, stored_anew
from training.corpus.conversation import Conversation, CorpusError
from training.corpus.emotions import AGES, GENDERS, SITUATIONS, emotion_code, situation_name

LICENCE = "AI Hub terms: for the operator's own use"

_SUFFIXES = (".json", ".xlsx", ".csv")  # the first that a split is found in is read: all hold the same conversations
_EXCHANGES = range(1, 5)
_ENCODINGS = ("utf-8-sig", "cp949")
_GUIDELINE = range(2, 18)  # words of an utterance

# What openpyxl raises where a workbook is damaged or is something else; either reader of XML raises a SyntaxError.
_DAMAGED = (
    zipfile.BadZipFile, zlib.error, SyntaxError, EOFError, LookupError, AttributeError, TypeError, ValueError,
    ArithmeticError, RecursionError, AssertionError, OSError, struct.error,
)  # fmt: skip
_LONGEST_JSON = 64 * 2**20  # bytes, half as much again as the real one; read, empty lists take twenty times their text

Turns = list[tuple[str, str]]


def read_aihub(path: Path, counts: Counter[str]) -> Iterator[Conversation]:
    """Conversations of the files at ``path``: a file, a zip, or a folder of either; ``CorpusError`` names a fault.

    A conversation ends before the first exchange of which only a half is there. ``counts`` is told of ``files``,
    ``records``, ``conversations``, ``half_turns`` (turns dropped so), ``empty_records`` (without a whole exchange),
    ``unknown_emotions`` and ``outside_guideline`` (records with an utterance of less than 2 or more than 17 words,
    which are kept).
    """
    files = _chosen(path)
    if not files:
        raise CorpusError(f"{path}: no JSON, XLSX or CSV file of 감성대화 말뭉치 is there")
    for name, content in files:
        counts["files"] += 1
        for record in _json(name, content) if name.lower().endswith(".json") else _table(name, content):
            counts["records"] += 1
            exchanges, half_turns = _whole(record["exchanges"])
            counts["half_turns"] += half_turns
            if not exchanges:
                counts["empty_records"] += 1
                continue
            turns = tuple(turn for exchange in exchanges for turn in exchange)
            counts["conversations"] += 1
            counts["unknown_emotions"] += record["emotion"] is None
            counts["outside_guideline"] += any(len(turn.split()) not in _GUIDELINE for turn in turns)
            yield Conversation(
                source="aihub",
                group=f"reply:{turns[1]}",  # as in other files: equal replies stand on one side of the split
                turns=turns,
                kind="emotion",
                emotion=record["emotion"],
                situation=record["situation"],
                age=record["age"],
                gender=record["gender"],
            )


def _chosen(path: Path) -> list[tuple[str, bytes]]:
    """Every split once: files that repeat another's content in another form or place are left aside."""
    found: dict[tuple[str, str], dict[tuple[str, int], tuple[str, bytes]]] = {}
    for name, content in read_files(path, frozenset(_SUFFIXES)):
        file = PurePosixPath(name)
        split = next((word for word in ("training", "validation") if word in file.name.lower()), "")
        copies = found.setdefault((split, file.suffix.lower()), {})
        copies.setdefault((file.name, len(content)), (name, content))
    chosen: list[tuple[str, bytes]] = []
    for split in sorted({split for split, _ in found}):
        suffix = next(suffix for suffix in _SUFFIXES if (split, suffix) in found)
        chosen += found[split, suffix].values()
    return chosen


def _whole(exchanges: Turns) -> tuple[Turns, int]:
    """The exchanges up to the first that lacks a half, and how many turns are dropped from there on."""
    spoken = [exchange for exchange in exchanges if any(exchange)]
    whole = next((index for index, exchange in enumerate(spoken) if not all(exchange)), len(spoken))
    return spoken[:whole], sum(bool(turn) for exchange in spoken[whole:] for turn in exchange)


def _json(name: str, content: bytes) -> Iterator[dict[str, Any]]:
    if len(content) > _LONGEST_JSON:
        raise CorpusError(f"{name}: JSON of more than {_LONGEST_JSON // 2**20} MiB")
    try:
        records = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise CorpusError(f"{name}: not JSON in UTF-8: {error}") from None
    if not isinstance(records, list):
        raise CorpusError(f"{name}: an array of records is expected")
    for number, record in enumerate(records, 1):
        try:
            profile, said = record["profile"], record["talk"]["content"]
            age, gender = profile["persona"]["human"][:2]
            code = profile["emotion"]["type"].strip()
            yield {
                "exchanges": [
                    (_clean(said.get(f"HS{index:02}")), _clean(said.get(f"SS{index:02}"))) for index in _EXCHANGES
                ],
                "emotion": code if code in EMOTIONS else None,
                "situation": SITUATIONS.get(profile["emotion"]["situation"][0]),
                "age": AGES.get(age),
                "gender": GENDERS.get(gender),
            }
        except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
            raise CorpusError(f"{name}: record {number}: not of 감성대화 말뭉치: {error!r}") from None


def _table(name: str, content: bytes) -> Iterator[dict[str, Any]]:
    rows = _sheet(name, content) if name.lower().endswith(".xlsx") else _csv(name, content)
    columns = {_clean(title): index for index, title in enumerate(next(rows, ()))}
    missing = [title for title in ("감정_대분류", "사람문장1") if title not in columns]
    if missing or not {"시스템문장1", "시스템응답1"} & set(columns):
        raise CorpusError(f"{name}: lacks the column {missing[0] if missing else '시스템문장1'}")
    for row in rows:
        cells = {title: _clean(row[index]) if index < len(row) else "" for title, index in columns.items()}
        if any(cells.values()):
            yield {
                "exchanges": [(cells.get(f"사람문장{index}", ""), _reply(cells, index)) for index in _EXCHANGES],
                "emotion": emotion_code(cells["감정_대분류"], cells.get("감정_소분류", "")),
                "situation": situation_name(cells.get("상황키워드", "")),
                "age": cells.get("연령") or None,
                "gender": cells.get("성별") or None,
            }


def _reply(cells: Mapping[str, str], index: int) -> str:
    return cells.get(f"시스템문장{index}") or cells.get(f"시스템응답{index}") or ""  # as the release of 2021 calls it


def _sheet(name: str, content: bytes) -> Iterator[Sequence[Any]]:
    """Rows of the first sheet, read as a stream."""
    from openpyxl import load_workbook

    content = stored_anew(name, content)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles, of which nothing is used
            book = load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        yield from book.worksheets[0].iter_rows(values_only=True)
        book.close()
    except _DAMAGED as error:
        raise CorpusError(f"{name}: not an XLSX file: {error}") from None


def _csv(name: str, content: bytes) -> Iterator[Sequence[Any]]:
    """Rows of a copy that somebody exported, in UTF-8 or in Excel's Korean code page."""
    for encoding in _ENCODINGS:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        try:
            yield from csv.reader(io.StringIO(text, newline=""), strict=True)
        except csv.Error as error:
            raise CorpusError(f"{name}: not a CSV file: {error}") from None
        return
    raise CorpusError(f"{name}: neither UTF-8 nor CP949")


def _clean(cell: object) -> str:
    return "" if cell is None else unicodedata.normalize("NFC", str(cell)).strip()
