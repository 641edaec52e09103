"""The codes of AI Hub's 감성대화 말뭉치, which our own dialogues use as well, however a table spells their names."""

import re
import unicodedata

from model.emotions import EMOTIONS, group_of

AGES = {"A01": "청소년", "A02": "청년", "A03": "중년", "A04": "노년"}
GENDERS = {"G01": "남성", "G02": "여성"}
SITUATIONS = {
    "S01": "가족관계",
    "S02": "학업 및 진로",
    "S03": "학교폭력/따돌림",
    "S04": "대인관계",
    "S05": "연애,결혼,출산",
    "S06": "진로,취업,직장",
    "S07": "대인관계(부부, 자녀)",
    "S08": "재정,은퇴,노후준비",
    "S09": "건강",
    "S10": "직장, 업무 스트레스",
    "S11": "건강,죽음",
    "S12": "대인관계(노년)",
    "S13": "재정",
}


def letters(text: str) -> str:
    """``text`` without spaces and punctuation, composed: what stays equal when copies spell a name differently."""
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFC", text))


_CODES = {(group_of(code), letters(name.removesuffix("(당황한)"))): code for code, name in EMOTIONS.items()} | {
    ("상처", "불우한"): "E45",
    ("당황", "죄책감"): "E55",
}
_SITUATIONS = {letters(name): name for name in SITUATIONS.values()}


def emotion_code(group: str, name: str) -> str | None:
    """The code of an emotion as the tables spell it; None where there is no such one.

    The group is needed: 고립된 and 혼란스러운 are found in two of them.
    """
    return _CODES.get((letters(group), letters(name.strip().removesuffix("(당황한)"))))


def situation_name(text: str) -> str | None:
    """A situation as ``SITUATIONS`` spells it; one that is not among them stays as it is."""
    return _SITUATIONS.get(letters(text), text.strip() or None)
