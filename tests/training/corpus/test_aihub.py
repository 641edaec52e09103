"""AI Hub's form, with invented talk: JSON, XLSX, CSV and the zips that hold them."""

import contextlib
import csv
import io
import json
import random
import struct
import tracemalloc
import unicodedata
import zipfile
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from training.corpus import Conversation, CorpusError, read_aihub

TALKS = [
    {
        "age": "A02", "gender": "G01", "emotion": "E31", "situation": "S06",
        "turns": ["내일 면접이라 잠이 안 와요.", "면접을 앞두고 떨리시는군요.", "준비를 덜 한 것 같아요.", "어떤 부분이 걸리세요?", "자기소개를 자꾸 틀려요.", "천천히 한 번 더 말해 보세요."],
    },
    {
        "age": "A04", "gender": "G02", "emotion": "E51", "situation": "S12",
        "turns": ["이사 오고 나니 말할 사람이 없네.", "낯선 동네라 쓸쓸하시겠어요.", "경로당도 멀어.", "가까운 복지관은 알아보셨나요?", "그럴 기운도 없어", ""],
    },
    {
        "age": "A01", "gender": "G02", "emotion": "E45", "situation": "S01",
        "turns": ["용돈이 없어서 친구랑 못 놀았어.", "친구들과 놀지 못해 속상했겠어요."],
    },
]  # fmt: skip
WORDS = {
    "A01": "청소년", "A02": "청년", "A04": "노년", "G01": "남성", "G02": "여성", "S01": "가족관계", "S06": "진로,취업,직장",
    "S12": "대인관계(노년)", "E31": ("불안 ", "두려운"), "E51": ("당황", "고립된"), "E45": ("상처", "불우한"),
}  # fmt: skip


def as_json(talks: list[dict[str, Any]]) -> bytes:
    records = []
    for number, talk in enumerate(talks):
        turns = [*talk["turns"], *[""] * 6][:6]
        said = {f"{side}{n + 1:02}": turns[2 * n + (side == "SS")] for n in range(3) for side in ("HS", "SS")}
        profile = f"Pro_{number:05}"
        records.append(
            {
                "profile": {
                    "persona-id": profile,
                    "persona": {"persona-id": "A_G_C", "human": [talk["age"], talk["gender"]], "computer": ["C01"]},
                    "emotion": {
                        "emotion-id": "S_D_E",
                        "type": talk["emotion"],
                        "situation": [talk["situation"], "D02"],
                    },
                },
                "talk": {"id": {"profile-id": profile, "talk-id": f"{profile}_00001"}, "content": said},
            }
        )
    return json.dumps(records, ensure_ascii=False).encode()


def as_rows(talks: list[dict[str, Any]], reply: str = "시스템문장") -> list[list[Any]]:
    titles = ["", "연령", "성별", "상황키워드", "신체질환", "감정_대분류", "감정_소분류"]
    titles += [title for n in (1, 2, 3) for title in (f"사람문장{n}", f"{reply}{n}")]
    return [
        titles,
        *(
            [
                number, WORDS[talk["age"]], WORDS[talk["gender"]], WORDS[talk["situation"]] + " ", "해당없음",
                *WORDS[talk["emotion"]], *(turn or None for turn in [*talk["turns"], *[""] * 6][:6]),
            ]
            for number, talk in enumerate(talks, 1)
        ),
    ]  # fmt: skip


def as_xlsx(talks: list[dict[str, Any]], reply: str = "시스템문장") -> bytes:
    book = Workbook()
    for row in as_rows(talks, reply):
        book.active.append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def as_zip(files: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file.getvalue()


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def read(path: Path) -> tuple[list[Conversation], Counter[str]]:
    counts: Counter[str] = Counter()
    return list(read_aihub(path, counts)), counts


def test_a_record_becomes_a_conversation_of_all_its_exchanges(tmp_path: Path) -> None:
    talks, counts = read(write(tmp_path / "감성대화말뭉치(최종데이터)_Training.json", as_json(TALKS)))
    first, second, third = talks
    assert first.turns == tuple(TALKS[0]["turns"])
    assert (first.source, first.emotion, first.situation) == ("aihub", "E31", "진로,취업,직장")
    assert (first.age, first.gender) == ("청년", "남성")
    assert second.turns == tuple(TALKS[1]["turns"][:4])
    assert (third.emotion, len(third.turns)) == ("E45", 2)
    assert (counts["records"], counts["conversations"], counts["half_turns"]) == (3, 3, 1)


@pytest.mark.parametrize("reply", ["시스템문장", "시스템응답"])
def test_a_table_tells_the_same_as_json(tmp_path: Path, reply: str) -> None:
    expected = read(write(tmp_path / "talk.json", as_json(TALKS)))
    assert read(write(tmp_path / "talk.xlsx", as_xlsx(TALKS, reply))) == expected
    text = io.StringIO()
    csv.writer(text).writerows(as_rows(TALKS, reply))
    for encoding in ("utf-8", "utf-8-sig", "cp949"):
        assert read(write(tmp_path / "talk.csv", text.getvalue().encode(encoding))) == expected


def test_what_was_downloaded_is_read_as_it_is_and_each_talk_once(tmp_path: Path) -> None:
    label, raw = "Training_221115_add/라벨링데이터", "Training_221115_add/원천데이터"
    name = unicodedata.normalize("NFD", "감성대화말뭉치(최종데이터)_Training")
    write(tmp_path / label / "Training.zip", as_zip({f"{name}.json": as_json(TALKS)}))
    write(tmp_path / label / f"{name}.json", as_json(TALKS))  # unpacked beside its archive
    write(tmp_path / raw / f"{name}..xlsx", as_xlsx(TALKS))
    write(tmp_path / "Validation_221115_add" / "Validation.zip", as_zip({"a_Validation.xlsx": as_xlsx(TALKS[:1])}))
    talks, counts = read(tmp_path)
    assert (len(talks), counts["files"]) == (4, 2)
    whole = as_zip({"018/Training.zip": as_zip({"a_Training.json": as_json(TALKS)}), "__MACOSX/._a.json": b"x"})
    assert len(read(write(tmp_path / "elsewhere" / "018.zip", whole))[0]) == 3


def test_what_follows_a_missing_half_is_dropped_and_counted(tmp_path: Path) -> None:
    talks = [
        {**TALKS[0], "turns": ["하나", "둘이요.", "", "넷이요.", "다섯", "여섯이요."]},
        {**TALKS[0], "turns": ["혼잣말", ""]},
    ]
    [talk], counts = read(write(tmp_path / "talk.json", as_json(talks)))
    assert talk.turns == ("하나", "둘이요.")
    assert (counts["half_turns"], counts["empty_records"], counts["outside_guideline"]) == (4, 1, 1)


def test_equal_replies_stand_on_one_side(tmp_path: Path) -> None:
    talks = [{**TALKS[2], "turns": [message, "많이 힘드셨겠어요."]} for message in ("힘들어요.", "지쳤어요.")]
    first, second = read(write(tmp_path / "talk.json", as_json(talks)))[0]
    assert first.group == second.group


def test_an_unknown_emotion_is_none_and_counted(tmp_path: Path) -> None:
    [talk], counts = read(write(tmp_path / "talk.json", as_json([{**TALKS[2], "emotion": "E70"}])))
    assert talk.emotion is None
    assert counts["unknown_emotions"] == 1


def lying(name: str, size: int) -> bytes:
    """An archive of one file that says it has a thousand bytes, the right sum of these, and unpacks to ``size``."""
    honest = bytearray(as_zip({name: b" " * size}))
    for signature, crc_at in ((b"PK\3\4", 14), (b"PK\1\2", 16)):
        start = honest.index(signature)
        honest[start + crc_at : start + crc_at + 4] = struct.pack("<I", zlib.crc32(b" " * 1000))
        honest[start + crc_at + 8 : start + crc_at + 12] = struct.pack("<I", 1000)
    return bytes(honest)


def with_sheet(xml: str) -> bytes:
    """A workbook whose first sheet is this."""
    with zipfile.ZipFile(io.BytesIO(as_xlsx(TALKS))) as book:
        files = {name: book.read(name) for name in book.namelist()}
    return as_zip({**files, "xl/worksheets/sheet1.xml": xml.encode()})


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
LAUGHS = f'<?xml version="1.0"?><!DOCTYPE w [<!ENTITY l0 "lol">{LAUGHS}]><worksheet><v>&l9;</v></worksheet>'
BOMB = as_zip({"a.json": b" " * 5_000_000})
DEEP = as_zip({"b.zip": as_zip({"c.zip": as_zip({"a.json": b"[]"})})})


@pytest.mark.parametrize(
    ("name", "content", "named"),
    [
        ("a.zip", BOMB, "grow more than"),
        ("a.xlsx", BOMB, "grow more than"),
        ("a.zip", as_zip({"../../a.json": b"[]"}), "outside of it"),
        ("a.zip", as_zip({"/etc/a.json": b"[]"}), "outside of it"),
        ("a.zip", as_zip({"C:\\a.json": b"[]"}), "outside of it"),
        ("a.zip", as_zip({"a.json": as_json(TALKS)})[:-60], "damaged or truncated"),
        ("a.zip", as_zip({"a.json": as_json(TALKS)}, zipfile.ZIP_STORED).replace("면접".encode(), "면졉".encode()), "damaged"),
        ("a.zip", as_zip({"a.json": b" " * 5_000_000}, zipfile.ZIP_BZIP2), "packed in a way"),
        ("a.zip", as_zip({"a.json": b" " * 5_000_000}, zipfile.ZIP_LZMA), "packed in a way"),
        ("a.zip", as_json(TALKS), "damaged"),
        ("a.json", as_zip({"a.json": as_json(TALKS)}), "not JSON"),
        ("a.xlsx", as_json(TALKS), "damaged"),
        ("a.csv", as_zip({"a.json": as_json(TALKS)}), "UTF-8|column|CSV"),
        ("a.xlsx", with_sheet(LAUGHS), "not an XLSX file"),
        ("a.xlsx", with_sheet("<worksheet>" * 10_000), "not an XLSX file"),
        ("a.zip", as_zip({"a\n\x1b[2J/../b.json": b"[]"}), "outside of it"),
        ("a.json", b'[{"profile": "' + b"a" * 10_000 + b'"}]', "record 1"),
        ("a.zip", DEEP, "archives within archives"),
        ("a.zip", as_zip({f"{number}.txt": b"" for number in range(1_001)}), "more than 1000 files"),
        ("a.zip", as_zip({"readme.txt": b"x"}), "no JSON, XLSX or CSV"),
        ("a.xlsx", as_zip({"a.xml": b"<x/>"}), "not an XLSX file"),
        ("a.xlsx", as_xlsx(TALKS)[:-60], "damaged or truncated"),
        ("a.json", b"[{", "not JSON"),
        ("a.json", b"[" * 100_000, "not JSON"),
        ("a.json", b"{}", "array"),
        ("a.json", b'[{"profile": 1}]', "record 1"),
        ("a.csv", "가,나\n1,2\n".encode(), "감정_대분류"),
        ("a.csv", b"\xff\xff\xff\x81", "neither UTF-8"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_one_clear_error(tmp_path: Path, name: str, content: bytes, named: str) -> None:
    with pytest.raises(CorpusError, match=named) as caught:
        read(write(tmp_path / name, content))
    assert name in str(caught.value)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 700


@pytest.mark.parametrize("name", ["a.zip", "a.xlsx"])
def test_an_archive_that_lies_about_its_sizes_is_not_unpacked(tmp_path: Path, name: str) -> None:
    inner = "a.json" if name == "a.zip" else "xl/sharedStrings.xml"
    path = write(tmp_path / name, lying(inner, 100_000_000))
    tracemalloc.start()
    try:
        with pytest.raises(CorpusError):
            read(path)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", ["a.zip", "a.xlsx", "a.json", "a.csv"])
def test_whatever_is_damaged_is_read_or_is_one_clear_error(tmp_path: Path, name: str) -> None:
    text = io.StringIO()
    csv.writer(text).writerows(as_rows(TALKS))
    whole = {
        "a.zip": as_zip({"a.json": as_json(TALKS)}, zipfile.ZIP_STORED),
        "a.xlsx": as_xlsx(TALKS),
        "a.json": as_json(TALKS),
        "a.csv": text.getvalue().encode(),
    }[name]
    rng = random.Random(7)
    for _ in range(150):
        damaged = bytearray(whole)
        for _ in range(rng.randint(1, 4)):
            damaged[rng.randrange(len(damaged))] = rng.choice((0, 255, 34, 91, rng.randrange(256)))
        with contextlib.suppress(CorpusError):
            read(write(tmp_path / name, bytes(damaged[: rng.choice((None, rng.randrange(len(damaged))))])))


def test_a_workbook_whose_parts_are_damaged_is_one_clear_error(tmp_path: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(as_xlsx(TALKS))) as book:
        files = {name: book.read(name) for name in book.namelist()}
    rng = random.Random(7)
    for _ in range(150):
        part = rng.choice(sorted(files))
        damaged = bytearray(files[part])
        damaged[rng.randrange(len(damaged))] = rng.choice((48, 57, 60, 34, rng.randrange(256)))
        with contextlib.suppress(CorpusError):
            read(write(tmp_path / "a.xlsx", as_zip({**files, part: bytes(damaged)})))


def test_a_missing_path_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no such file"):
        read(tmp_path / "none")
