"""What may leave and what may not."""

import pytest

from bot import texts
from bot.decency import may_leave
from training.corpus import read_own


@pytest.mark.parametrize(
    "text",
    [
        "씨발 뭐라는 거예요", "시발 진짜요?", "그 새끼 나쁘네요", "병신 같아요", "지랄하지 마세요", "존나 좋아요", "ㅅㅂ", "나가 죽어요",
        "죽어버려요", "입 닥치세요", "010-1234-5678로 전화해 주세요", "０１０ １２３４ ５６７８", "공일공 일이삼사 오육칠팔", "02-123-4567이에요",
        "1588-1234에 물어보세요", "계좌는 110-234-567890이에요", "제 주민번호는 900101-1234567", "mallbeot@example.com으로 보내 주세요",
        "상담전화 199에 걸어 주세요", "자살예방 상담전화 1093은 24시간이에요",
    ],
)  # fmt: skip
def test_what_may_not_leave(text: str) -> None:
    assert not may_leave(text)


@pytest.mark.parametrize(
    "text",
    [
        "새끼 고양이가 태어났군요!", "이 새끼 오리들 귀엽네요", "시발점이 되겠네요", "자살예방 상담전화 109는 24시간 받아요.", "급하면 119나 112예요.",
        "2024-03-15에 시작했군요", "1,000,000원이나요?", "한 잔에 4500원이면 비싸네요", "이 년 만이네요", "공부를 하루 12시간 하셨군요",
        "시 발표 잘하셨어요?", "조금 기다려 보지 그래요?", "정신건강 상담전화 1577-0199도 있어요",
    ],
)  # fmt: skip
def test_what_only_looks_like_it(text: str) -> None:
    assert may_leave(text)


def test_all_that_the_bot_says_in_our_corpus_and_by_itself_may_leave() -> None:
    dialogues, families = read_own()
    said = [reply for dialogue in dialogues for reply in dialogue.turns[1::2]]
    said += [reply for family in families for part in (family.first, family.next) if part for reply in part.bot]
    said += [*texts.CRISIS, texts.REMINDER, texts.WITHHELD, texts.APOLOGY]
    assert [text for text in said if not may_leave(text)] == []
