"""The checker itself: silent where all went well, and each breach is named."""

from dataclasses import replace

from hypothesis import given, strategies as st

from tests.faults.checker import Asked, Fault, check, marked, numbers
from tests.telegram_api import Sent

YUNA, MINHO = 1001, 1002
ASKED = [Asked(YUNA, 1, 0.0), Asked(MINHO, 2, 0.0), Asked(YUNA, 3, 1.0), Asked(YUNA, 4, 1.5), Asked(MINHO, 5, 2.0)]


def told(chat: int, text: str, at: float = 3.0) -> Sent:
    return Sent(chat, text, 0, None, at)


TOLD = [told(MINHO, "네, #2"), told(YUNA, "네, #1", 2.5), told(YUNA, "네, #3#4 ← #1"), told(MINHO, "네, #5 ← #2")]


def test_what_went_well_is_no_fault() -> None:
    findings = check(ASKED, TOLD)
    assert findings.faults == []
    assert findings.waits == {1: 2.5, 2: 3.0, 3: 2.0, 4: 1.5, 5: 1.0}
    assert findings.longest_wait == 3.0


def test_a_message_without_a_reply_is_lost() -> None:
    assert check(ASKED, TOLD[:2] + TOLD[3:]).faults == [Fault("lost", YUNA, 3), Fault("lost", YUNA, 4)]


def test_a_reply_that_came_again_is_duplicated_unless_it_may() -> None:
    again = [*TOLD[:2], TOLD[1], *TOLD[2:]]
    assert check(ASKED, again).faults == [Fault("duplicated", YUNA, 1)]
    assert check(ASKED, [*TOLD[:3], TOLD[2], TOLD[3]]).faults == [
        Fault("duplicated", YUNA, 3),
        Fault("duplicated", YUNA, 4),
    ]
    findings = check(ASKED, again, lambda first, second: first is second)
    assert (findings.faults, findings.excused) == ([], 1)


def test_two_replies_about_one_message_are_never_excused() -> None:
    twice = [*TOLD[:3], told(YUNA, "네, #4"), TOLD[3]]
    assert check(ASKED, twice, lambda _, __: True).faults == [Fault("duplicated", YUNA, 4)]


def test_a_reply_after_a_later_one_is_reordered() -> None:
    assert check(ASKED, [TOLD[0], TOLD[2], TOLD[1], TOLD[3]]).faults == [Fault("reordered", YUNA, 1)]


def test_a_late_repetition_is_no_repetition() -> None:
    faults = check(ASKED, [*TOLD, TOLD[1]], lambda _, __: True).faults
    assert faults == [Fault("duplicated", YUNA, 1), Fault("reordered", YUNA, 1)]


def test_a_reply_in_the_wrong_chat_is_crossed_and_its_message_lost() -> None:
    crossed = [replace(TOLD[0], chat=YUNA), *TOLD[1:]]
    assert check(ASKED, crossed).faults == [Fault("crossed", YUNA, 2), Fault("lost", MINHO, 2)]


def test_a_memory_of_another_chat_is_crossed() -> None:
    assert check(ASKED, [*TOLD[:3], told(MINHO, "네, #5 ← #1")]).faults == [Fault("crossed", MINHO, 1)]


def test_a_reply_about_nothing_is_foreign() -> None:
    assert check(ASKED, [*TOLD, told(YUNA, "네"), told(YUNA, "네, #9")]).faults == [
        Fault("foreign", YUNA, 0),
        Fault("foreign", YUNA, 9),
    ]


def test_numbers_survive_what_users_write() -> None:
    assert numbers(f"네, {marked(17, '오늘 3시에 봐')}\n{marked(18, '아니 4시')}") == [17, 18]


@given(st.lists(st.lists(st.integers(1, 3), min_size=1, max_size=5), min_size=1, max_size=4), st.data())
def test_one_breach_among_many_replies_is_found(turns: list[list[int]], data: st.DataObject) -> None:
    """Any number of chats and turns: drop, repeat or misdirect one reply, and the checker says which."""
    asked, replies = [], []
    for chat, sizes in enumerate(turns, 1):
        for size in sizes:
            taken = range(len(asked) + 1, len(asked) + 1 + size)
            asked += [Asked(chat, number, 0.0) for number in taken]
            replies.append(told(chat, "".join(f"#{number}" for number in taken)))
    assert check(asked, replies).faults == []

    place = data.draw(st.integers(0, len(replies) - 1))
    hurt = replies[place]
    without = replies[:place] + replies[place + 1 :]
    lost = [Fault("lost", hurt.chat, number) for number in numbers(hurt.text)]
    assert check(asked, without).faults == lost
    assert check(asked, [*replies[:place], hurt, *replies[place:]]).count("duplicated") == len(lost)
    misled = [*replies[:place], replace(hurt, chat=99), *replies[place + 1 :]]
    assert check(asked, misled).faults == [Fault("crossed", 99, fault.number) for fault in lost] + lost
