"""How people type: the same words with the spaces, marks, slips and endings of a phone. For the user's turns alone.

A corpus is written with care and messages are not: 오늘 면접 봤어요. comes as 오늘면접봤어ㅠㅠ. Each kind of
carelessness is a rule of its own below; a turn meets each of them by chance.
"""

import random
import re
from collections.abc import Callable

Rule = Callable[[str, random.Random], str]

_MARKS = re.compile(r"[.,!?~]+")
_END_MARKS = re.compile(r"[.!?~]+$")
_LETTERS = re.compile(r"[ㄱ-ㅣ]")
# Common slips, right and wrong forms; each way round where people mix the two up.
_SLIPS = (
    ("돼", "되"), ("되", "돼"), ("않", "안"), ("안 ", "않 "), ("에요", "예요"), ("예요", "에요"), ("웬", "왠"),
    ("왠", "웬"), ("어떡", "어떻"), ("어떻게", "어떡해"), ("할게", "할께"), ("거야", "꺼야"), ("며칠", "몇일"),
    ("오랜만", "오랫만"), ("금세", "금새"), ("같아", "같애"), ("바라", "바래"), ("봬", "뵈"), ("든지", "던지"),
    ("낫", "낳"), ("괜찮", "괜찬"), ("많", "만"), ("싫", "실"), ("없", "업"), ("너무", "넘"), ("진짜", "ㄹㅇ"),
    ("재밌", "잼있"), ("귀찮", "귀찬"), ("뭐", "머"), ("이제", "인제"), ("좋아", "조아"), ("그냥", "걍"),
)  # fmt: skip
# Plain endings and their polite forms; longer ones first, so that 거야 is not taken for 야.
_ENDINGS = (
    ("거야", "거예요"), ("이야", "이에요"), ("했어", "했어요"), ("됐어", "됐어요"), ("었어", "었어요"),
    ("았어", "았어요"), ("졌어", "졌어요"), ("겠어", "겠어요"), ("싶어", "싶어요"), ("없어", "없어요"),
    ("있어", "있어요"), ("같아", "같아요"), ("좋아", "좋아요"), ("싫어", "싫어요"), ("몰라", "몰라요"), ("해", "해요"),
    ("돼", "돼요"), ("지", "지요"), ("네", "네요"), ("래", "래요"), ("대", "대요"),
)  # fmt: skip


def as_typed(text: str, rng: random.Random) -> str:
    """``text`` as somebody in a hurry types it; never empty, and the same for the same state of ``rng``."""
    for rule, chance in _RULES:
        if rng.random() < chance:
            text = rule(text, rng).strip() or text
    return text


def without_spaces(text: str, rng: random.Random) -> str:
    """All spaces left out, or each by chance."""
    share = rng.choice((0.3, 0.6, 1.0))
    return "".join(character for character in text if character != " " or rng.random() >= share)


def without_marks(text: str, _rng: random.Random) -> str:
    """No punctuation."""
    return _MARKS.sub("", text)


def with_letters(text: str, rng: random.Random) -> str:
    """ㅋㅋ, ㅠㅠ and their like at the end, in place of a full stop; or those that are there left out."""
    if _LETTERS.search(text):
        return _LETTERS.sub("", text)
    ending = rng.choice(("ㅠㅠ", "ㅠ", "ㅜㅜ", "ㅋㅋ", "ㅋㅋㅋ", "ㅎㅎ", "ㅎ", "...", "..", "!!", "~", ";;"))
    return _END_MARKS.sub("", text) + rng.choice(("", " ")) + ending


def with_a_slip(text: str, rng: random.Random) -> str:
    """One of the common misspellings and short forms, where there is a word for one."""
    found = [(right, wrong) for right, wrong in _SLIPS if right in text]
    if not found:
        return text
    right, wrong = rng.choice(found)
    return text.replace(right, wrong, 1)


def with_another_ending(text: str, _rng: random.Random) -> str:
    """반말 becomes 존댓말, and 존댓말 반말."""
    body = _END_MARKS.sub("", text)
    marks = text[len(body) :]
    for plain, polite in _ENDINGS:
        if body.endswith(polite):
            return body.removesuffix(polite) + plain + marks
    for plain, polite in _ENDINGS:
        if body.endswith(plain):
            return body.removesuffix(plain) + polite + marks
    return text


_RULES: tuple[tuple[Rule, float], ...] = (
    (with_another_ending, 0.3),
    (with_a_slip, 0.25),
    (without_marks, 0.4),
    (with_letters, 0.25),
    (without_spaces, 0.35),
)
