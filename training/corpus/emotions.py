"""The codes of AI Hub's 감성대화 말뭉치, which our own dialogues use as well."""

import re
import unicodedata

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
# The first of each row names the whole group; its number is the first digit of the ten codes.
_GROUPS = (
    "분노 툴툴대는 좌절한 짜증내는 방어적인 악의적인 안달하는 구역질_나는 노여워하는 성가신",
    "슬픔 실망한 비통한 후회되는 우울한 마비된 염세적인 눈물이_나는 낙담한 환멸을_느끼는",
    "불안 두려운 스트레스_받는 취약한 혼란스러운 당혹스러운 회의적인 걱정스러운 조심스러운 초조한",
    "상처 질투하는 배신당한 고립된 충격_받은 가난한,_불우한 희생된 억울한 괴로워하는 버려진",
    "당황 고립된(당황한) 남의_시선을_의식하는 외로운 열등감 죄책감의 부끄러운 혐오스러운 한심한 혼란스러운(당황한)",
    "기쁨 감사하는 신뢰하는 편안한 만족스러운 흥분 느긋 안도 신이_난 자신하는",
)
EMOTIONS = {
    f"E{group}{number}": name.replace("_", " ")
    for group, names in enumerate(_GROUPS, 1)
    for number, name in enumerate(names.split())
}


def group_of(code: str) -> str:
    """The one of six emotions to which ``code`` belongs: E47 -> 상처."""
    return EMOTIONS[code[:2] + "0"]


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
