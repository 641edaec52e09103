"""Which updates ask for an answer, and for which."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from telegram.constants import MessageAttachmentType

from bot.update import MEDIA, Me, Said, is_whole, read_update

ME = Me(id=99, username="malbeot_bot")
PRIVATE = {"id": 7, "type": "private"}
GROUP = {"id": -100, "type": "supergroup"}


def update(chat: dict[str, Any] = PRIVATE, **message: object) -> dict[str, Any]:
    sender = {"id": 7, "is_bot": False}
    return {"update_id": 5, "message": {"message_id": 3, "date": 0, "chat": chat, "from": sender} | message}


def test_a_private_text_is_a_message() -> None:
    assert read_update(update(text=" 안녕 \n"), ME) == Said(5, 7, "text", "안녕", None)


@pytest.mark.parametrize(
    ("text", "command", "argument"),
    [
        ("/start", "start", ""),
        ("/start  xK3-9_aB ", "start", "xK3-9_aB"),
        ("/Who 지금", "who", "지금"),
        ("/help@Malbeot_bot", "help", ""),
        ("/reset\n안녕", "reset", "안녕"),
    ],
)
def test_commands_lose_slash_case_and_addressee(text: str, command: str, argument: str) -> None:
    assert read_update(update(text=text), ME) == Said(5, 7, "command", command, None, argument=argument)


def test_what_only_looks_like_a_command_is_text() -> None:
    for text in ("/", "/ help", "/안녕", "도와줘 /help"):
        assert read_update(update(text=text), ME) == Said(5, 7, "text", text, None)


def test_in_groups_only_what_is_meant_for_the_bot_counts() -> None:
    ours = {"message_id": 1, "from": {"id": 99, "is_bot": True}}
    theirs = {"message_id": 2, "from": {"id": 8, "is_bot": False}}
    assert read_update(update(GROUP, text="다들 안녕"), ME) is None
    assert read_update(update(GROUP, text="안녕", reply_to_message=theirs), ME) is None
    assert read_update(update(GROUP, text="@malbeot_bot2 안녕"), ME) is None
    assert read_update(update(GROUP, text="/help@other_bot"), ME) is None
    assert read_update(update(GROUP, photo=[]), ME) is None
    assert read_update(update(GROUP, text="@MalBeot_Bot 안녕"), ME) == Said(5, -100, "text", "안녕", 3, sender=7)
    assert read_update(update(GROUP, text="안녕", reply_to_message=ours), ME) == Said(
        5, -100, "text", "안녕", 3, sender=7
    )
    assert read_update(update(GROUP, text="@malbeot_bot"), ME) == Said(5, -100, "call", "", 3, sender=7)
    assert read_update(update(GROUP, photo=[], caption="@malbeot_bot 봐"), ME) == Said(
        5, -100, "media", "photo", 3, sender=7
    )


def test_other_kinds_are_media_and_service_messages_are_nothing() -> None:
    assert read_update(update(sticker={"emoji": "🙂"}), ME) == Said(5, 7, "media", "sticker", None)
    assert read_update(update(animation={}, document={}), ME) == Said(5, 7, "media", "animation", None)
    assert read_update(update(pinned_message={}), ME) is None
    assert read_update(update(GROUP, new_chat_members=[{"id": 99}]), ME) is None


def test_each_kind_of_content_that_telegram_knows_is_one_that_we_know() -> None:
    business = {"passport_data", "invoice", "successful_payment"}  # which nobody can do with this bot
    assert {kind.value for kind in MessageAttachmentType} - business <= set(MEDIA)


def test_edits_channels_other_bots_and_unknown_updates_are_nothing() -> None:
    edited = {"update_id": 5, "edited_message": update(text="안녕")["message"]}
    assert read_update(edited, ME) is None
    assert read_update(update({"id": -5, "type": "channel"}, text="안녕"), ME) is None
    assert read_update(update(**{"from": {"id": 8, "is_bot": True}}, text="안녕"), ME) is None
    assert read_update({"update_id": 5, "tea_party": {}}, ME) is None


def test_an_anonymous_admin_is_a_person() -> None:
    admin = {"from": {"id": 1087968824, "is_bot": True}, "sender_chat": GROUP}
    said = read_update(update(GROUP, text="@malbeot_bot 안녕", **admin), ME)
    assert said == Said(5, -100, "text", "안녕", 3, sender=-100)


def test_the_person_is_the_private_chat_or_who_writes_in_the_group() -> None:
    def person(message: dict[str, Any]) -> int | None:
        said = read_update(message, ME)
        assert said is not None
        return said.person

    assert person(update(text="안녕")) == 7
    assert person(update(GROUP, text="@malbeot_bot 안녕")) == 7
    assert person(update(GROUP, text="@malbeot_bot 안녕", **{"from": None})) is None
    assert person(update(GROUP, text="@malbeot_bot 안녕", **{"from": {"id": 10**70, "is_bot": False}})) is None


def test_half_a_surrogate_pair_can_be_stored() -> None:
    said = read_update(update(text="a\ud83d b"), ME)
    assert said is not None
    assert said.content == "a\ufffd b"
    said.content.encode()


@pytest.mark.parametrize("wrong", [True, None, "7", 7.5, 2**63, -(2**63) - 1, 10**80, [], {}])
def test_what_is_no_id_is_none(wrong: object) -> None:
    whole = update(text="안녕")
    assert is_whole(whole)
    assert is_whole({"update_id": 5, "tea_party": {}})
    for broken in (
        whole | {"update_id": wrong},
        whole | {"message": whole["message"] | {"message_id": wrong}},
        whole | {"message": whole["message"] | {"chat": {"id": wrong, "type": "private"}}},
    ):
        assert not is_whole(broken)
        assert read_update(broken, ME) is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
fields = ["message_id", "chat", "from", "text", "caption", "photo", "reply_to_message", "sender_chat", "entities"]


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # on a busy machine
@given(st.dictionaries(st.sampled_from(fields), json_values), json_values)
def test_no_shape_of_an_update_is_too_strange(mutations: dict[str, Any], update_id: object) -> None:
    for chat in (PRIVATE, GROUP):
        strange = update(chat, text="@malbeot_bot 안녕")
        strange["message"] |= mutations
        read_update(strange, ME)
        read_update(strange | {"update_id": update_id}, ME)
