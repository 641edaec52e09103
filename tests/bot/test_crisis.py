"""Whom the help line is named to, measured on messages written by hand.

`crisis/development.jsonl`, on which the lexicon was written; `held-out.jsonl`, by the same hands; `independent-a.jsonl`
to `-e`, by five others who had seen nothing of all this, without the lines that came out like one of the training
messages. What a, b and d mistook was read while `model.hyperbole` was written; c and e are kept unread, and are the honest
measure.
"""

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from time import process_time

import pytest

from bot.crisis import speaks_of_crisis, stays_in_danger
from model.checkpoint import PRETRAINED
from model.engine import Decoding, load_engine
from model.heads import ALARM
from training.corpus import read_own
from training.corpus.own import Family, fill
from training.mixture import Mixture

MESSAGES = Path(__file__).with_name("crisis")
CONTRAST = {f"I-x{number:02}" for number in range(1, 12)}  # families of our corpus that only sound like a crisis


def messages(name: str) -> list[dict[str, str | bool]]:
    return [json.loads(line) for line in (MESSAGES / f"{name}.jsonl").read_text("utf-8").splitlines()]


def expansions(family: Family) -> list[str]:
    """Every first message that the family holds."""
    return [
        fill(pattern, dict(zip(slots, fillers, strict=True)))
        for pattern in family.first.user
        for slots in [[name for name in family.slots if f"{{{name}" in pattern]]
        for fillers in itertools.product(*(family.slots[name] for name in slots))
    ]


@pytest.mark.parametrize(("name", "recall"), [("development", 1.0), ("held-out", 0.97)])
def test_people_in_danger_are_heard_and_idioms_left_alone(name: str, recall: float) -> None:
    crisis = [message for message in messages(name) if message["crisis"]]
    contrast = [message for message in messages(name) if not message["crisis"]]
    heard = [message for message in crisis if speaks_of_crisis(str(message["text"]))]
    mistaken = [message["text"] for message in contrast if speaks_of_crisis(str(message["text"]))]
    assert len(heard) >= recall * len(crisis)
    assert len(mistaken) <= 0.02 * len(contrast), mistaken


def test_the_sets_are_large_enough_and_share_nothing() -> None:
    development, held_out = messages("development"), messages("held-out")
    assert sum(bool(message["crisis"]) for message in held_out) >= 150
    assert sum(not message["crisis"] for message in held_out) >= 250
    texts = [message["text"] for message in development + held_out]
    assert len(texts) == len(set(texts))


def test_the_corpus_is_told_apart() -> None:
    _, families = read_own()
    for family in families:
        if family.kind == "crisis":
            assert [text for text in expansions(family) if not speaks_of_crisis(text)] == []
        elif family.id in CONTRAST:
            assert [text for text in expansions(family) if speaks_of_crisis(text)] == []


@pytest.mark.parametrize(
    "text",
    [
        "혼자야",
        "ㅇㅇ 혼자",
        "아니",
        "아니요 안전하지 않아요",
        "몰라",
        "응 진심이야",
        "하나도 안 괜찮아",
        "무서워",
        "못 하겠어",
    ],
)
def test_an_answer_that_leaves_the_danger_open(text: str) -> None:
    assert stays_in_danger(text)


@pytest.mark.parametrize(
    "text",
    [
        "응",
        "네 안전해요",
        "괜찮아",
        "아니야 그런 뜻 아니야",
        "아니 지금은 괜찮아",
        "엄마랑 같이 있어",
        "전화해 볼게",
        "다친 데는 없어",
        "고마워",
        "농담이었어",
    ],
)
def test_an_answer_that_closes_it(text: str) -> None:
    assert not stays_in_danger(text)


def test_a_long_text_costs_little() -> None:
    began = process_time()
    for text in ("죽 " * 40_000, "나 하나 없" * 16_000, "칼로 " * 30_000):
        assert not speaks_of_crisis(text)
    assert process_time() - began < 3


@pytest.fixture(scope="module")
def hears() -> Callable[[list[str]], list[bool]]:
    """Lexicon and encoder together, as a worker asks them."""
    engine, first_token = load_engine(PRETRAINED, threads=2), Decoding(method="greedy", max_tokens=1)

    def listen(texts: list[str]) -> list[bool]:
        said = [
            reply
            for start in range(0, len(texts), 64)
            for reply in engine.reply([[text] for text in texts[start : start + 64]], first_token)
        ]
        return [speaks_of_crisis(text) or each.crisis >= ALARM for text, each in zip(texts, said, strict=True)]

    return listen


@pytest.mark.parametrize(("name", "idiom"), [("a", 0.04), ("b", 0.04), ("c", 0.04), ("d", 0.10), ("e", 0.04)])
def test_veiled_words_that_no_lexicon_foresaw_are_heard(
    name: str, idiom: float, hears: Callable[[list[str]], list[bool]]
) -> None:
    name = f"independent-{name}"
    crisis = [str(message["text"]) for message in messages(name) if message["crisis"]]
    contrast = [str(message["text"]) for message in messages(name) if not message["crisis"]]
    idioms = [str(message["text"]) for message in messages(name) if message["form"] == "idiom"]
    alone = sum(map(speaks_of_crisis, crisis)) / len(crisis)
    together = sum(hears(crisis)) / len(crisis)
    assert together >= alone + 0.25
    assert together >= 0.975
    assert sum(hears(contrast)) <= 0.065 * len(contrast)
    assert sum(hears(idioms)) <= idiom * len(idioms)


def test_a_grave_sentence_is_heard_among_others(hears: Callable[[list[str]], list[bool]]) -> None:
    grave = [str(message["text"]) for message in messages("independent-c") if message["crisis"]]
    among = [f"오늘은 시장에서 두부를 사고 집에 왔어 {text} 저녁엔 동생이랑 전화했어" for text in grave]
    assert not any(hears(["오늘은 시장에서 두부를 사고 집에 왔어 저녁엔 동생이랑 전화했어"]))
    assert sum(hears(among)) >= 0.88 * sum(hears(grave))


def test_ordinary_talk_is_seldom_taken_for_a_crisis(hears: Callable[[list[str]], list[bool]]) -> None:
    dialogues, families = read_own()
    held_out = Mixture(conversations=dialogues, families=families).held_out("test")
    ordinary = sorted(
        {turn for part in held_out.values() for talk in part if talk.kind != "crisis" for turn in talk.turns[::2]}
    )
    assert len(ordinary) > 500
    assert sum(hears(ordinary)) <= 0.015 * len(ordinary)
