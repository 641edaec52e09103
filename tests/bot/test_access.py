"""Who may talk, through the intake and a real server: what the refused get, and what they leave behind."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from bot import texts
from bot.address import Address
from bot.api import BotApi
from bot.chat_action import Typing
from bot.mailbox import Members
from bot.pace import Pace
from bot.settings import Settings
from tests.bot.test_intake import World

CODE = "xK3-9_aB"
ADMIN, FRIEND, STRANGER = 90071111, 90072222, 90073333
GROUP, CLUB = -1005550001, -1005550002
START = texts.start(Settings().owner, Settings().bot_name)
REFUSED = texts.refused(STRANGER, by_code=False)


@pytest.fixture
async def world(redis: Redis, api: BotApi) -> AsyncIterator[World]:
    """Closed but for a friend, a club and an admin."""
    async with Typing(api, Pace()) as typing:
        world = World(redis, typing)
        world.opens(allowed=f"{FRIEND},{CLUB}", admins=f"{ADMIN}")
        yield world


async def calls(world: World, group: int, person: int, **message: object) -> None:
    """Somebody speaks to the bot in a group."""
    said = {"text": "@malbeot_bot 안녕", "from": {"id": person, "is_bot": False}} | message
    await world.gets(group, **said)


async def talkers(world: World) -> set[int]:
    """The chats whose messages were taken in since last asked."""
    return {int(turn.address.chat) for turn in await world.mailbox.claim("w", limit=50, wait=0.01)}


async def test_the_listed_and_the_admins_may_talk_and_nobody_else(world: World) -> None:
    for person in (ADMIN, FRIEND, STRANGER):
        await world.gets(person, text="안녕")
    assert await talkers(world) == {ADMIN, FRIEND}
    assert await world.answers() == [(str(STRANGER), REFUSED)]


@pytest.mark.parametrize("only", [{"admins": f"{ADMIN}"}, {"invite_code": CODE}, {"allowed": f"{FRIEND}"}])
async def test_each_of_the_three_settings_closes_the_door(world: World, only: dict[str, str]) -> None:
    world.opens(**only)
    await world.gets(STRANGER, text="안녕")
    assert await talkers(world) == set()


async def test_the_refused_are_told_once_and_cost_nothing_further(redis: Redis, world: World) -> None:
    await world.gets(STRANGER, text="안녕")
    before = {key: await redis.type(key) for key in await redis.keys()}
    assert sorted(kind for kind in before.values()) == ["stream", "string", "string"]  # outbox, told, hush
    for gateway in range(2):
        for content in ({"text": "왜요?"}, {"photo": []}, {"text": "/help"}, {"text": "/dance"}, {"text": "/reset"}):
            await world.gets(STRANGER, **content)
        assert {key: await redis.type(key) for key in await redis.keys()} == before, f"gateway {gateway}"
        world.opens(allowed=f"{FRIEND}")
    assert await world.answers() == [(str(STRANGER), REFUSED)]
    assert 3000 < await redis.ttl(next(key for key in before if ":hush:" in key)) <= 3600


async def test_the_refused_who_speak_of_suicide_hear_of_the_help_line(world: World) -> None:
    await world.gets(STRANGER, text="안녕")
    await world.gets(STRANGER, text="죽고 싶어")
    await world.gets(STRANGER, text="정말 죽고 싶어")
    assert await world.answers() == [(str(STRANGER), REFUSED), (str(STRANGER), texts.REFUSED_CRISIS)]
    assert await talkers(world) == set()


async def test_what_was_kept_of_them_before_the_refused_may_still_have_forgotten(redis: Redis, world: World) -> None:
    world.opens()
    await world.gets(STRANGER, text="우리만의 비밀")
    world.opens(allowed=f"{FRIEND}")
    await world.gets(STRANGER, text="/privacy")
    await world.gets(STRANGER, text="/forget")
    assert [text for _, text in await world.answers()] == [texts.FORGET]  # the other one went with the rest
    assert [key async for key in redis.scan_iter(f"*{STRANGER}*")] == []


async def test_in_a_group_the_group_counts_or_the_person(world: World) -> None:
    await calls(world, CLUB, STRANGER)
    await calls(world, GROUP, FRIEND)
    assert await talkers(world) == {CLUB, GROUP}
    await calls(world, GROUP, STRANGER)
    await calls(world, GROUP, STRANGER + 1)
    assert await world.answers() == [(str(GROUP), texts.REFUSED_GROUP)], "once for the group"
    await calls(world, GROUP - 9, STRANGER)
    assert await world.answers() == [(str(GROUP), texts.REFUSED_GROUP)], "and for the person, wherever they ask"
    await calls(world, GROUP, STRANGER, text="/forget")
    await calls(world, GROUP, STRANGER, text="/dance")
    await calls(world, GROUP, 1087968824, sender_chat={"id": GROUP})
    await calls(world, GROUP, STRANGER, **{"from": None})
    assert await talkers(world) == set(), "what is waiting of a friend was not withdrawn, nor anybody let in"
    assert await world.mailbox.backlog() == 2


async def test_the_code_lets_a_person_in_for_good_and_is_asked_once(world: World) -> None:
    world.opens(invite_code=CODE)
    await world.gets(STRANGER, text="안녕")
    await world.gets(STRANGER, update_id=500, text="/start 12345678")
    await world.gets(STRANGER, update_id=500, text="/start 12345678")
    await world.gets(STRANGER, update_id=501, text=f"/start {CODE}")
    await world.gets(STRANGER, update_id=501, text=f"/start {CODE}")
    told = [texts.refused(STRANGER, by_code=True), texts.WRONG_CODE, START]
    assert await world.answers() == [(str(STRANGER), text) for text in told]

    world.opens(invite_code="another-code")
    await world.gets(STRANGER, text="나 왔어")
    await calls(world, GROUP, STRANGER)
    assert await talkers(world) == {STRANGER, GROUP}
    world.opens(allowed=f"{FRIEND}")
    await world.gets(STRANGER, text="코드가 없어도?")
    assert await world.mailbox.backlog() == 3


@pytest.mark.parametrize(
    "given", ["", CODE.lower(), CODE[:-1], CODE + "x", f"{CODE} {CODE}", "한글\ud800", "\x00", "가" * 4000]
)
async def test_nothing_but_the_code_is_the_code(world: World, given: str) -> None:
    world.opens(invite_code=CODE)
    await world.gets(STRANGER, text=f"/start {given}")
    await world.gets(STRANGER, text="안녕")
    assert await talkers(world) == set()


async def test_tries_are_counted_by_all_gateways_and_none_left_means_that_nothing_is_compared(world: World) -> None:
    for number in range(5):
        world.opens(invite_code=CODE)
        await world.gets(STRANGER, text=f"/start guess-no-{number}")
    await world.gets(STRANGER, text=f"/start {CODE}")
    await world.gets(STRANGER, text=f"/start {CODE}")
    told = [texts.WRONG_CODE] * 5 + [texts.TOO_MANY_CODES]
    assert await world.answers() == [(str(STRANGER), text) for text in told]
    await world.gets(STRANGER, text="안녕")
    await world.gets(FRIEND, text=f"/start {CODE}")
    await world.gets(FRIEND, text="안녕")
    assert await talkers(world) == {FRIEND}


async def test_in_a_group_the_code_opens_nothing(world: World) -> None:
    world.opens(invite_code=CODE)
    await calls(world, GROUP, STRANGER, text=f"/start@malbeot_bot {CODE}")
    await calls(world, GROUP, STRANGER)
    await world.gets(STRANGER, text="안녕")
    assert await talkers(world) == set()


async def test_forget_forgets_the_invitation_too(redis: Redis, world: World) -> None:
    world.opens(invite_code=CODE)
    await world.gets(STRANGER, text=f"/start {CODE}")
    await world.gets(STRANGER, update_id=600, text="/forget")
    assert (await world.answers())[-1] == (str(STRANGER), f"{texts.FORGET} {texts.CODE_FORGOTTEN}")
    assert await Members(redis).all() == {}
    await world.gets(STRANGER, text=f"/start {CODE}")
    await world.gets(STRANGER, update_id=600, text="/forget")  # brought again: it takes effect once
    await world.gets(STRANGER, text="나 다시 왔어")
    assert await talkers(world) == {STRANGER}


async def test_an_admin_sees_who_came_in_and_removes_them(redis: Redis, world: World) -> None:
    world.opens(admins=f"{ADMIN}", invite_code=CODE)
    await world.gets(ADMIN, text="/members")
    await world.gets(STRANGER, text=f"/start {CODE}")
    await world.gets(FRIEND, text="/start " + CODE)
    await world.gets(ADMIN, text="/members")
    await world.gets(ADMIN, text=f"/remove {STRANGER}")
    await world.gets(ADMIN, text=f"/remove {ADMIN}")
    await world.gets(ADMIN, text="/remove 민지")
    nobody, seen, removed, listed, usage = [text for chat, text in await world.answers() if chat == str(ADMIN)]
    assert nobody == "초대 코드로 들어온 분이 아직 없어요."
    assert seen.startswith("초대 코드로 들어온 분은 2명이에요.")
    assert f"\n{STRANGER} (" in seen
    assert (removed, usage) == (texts.removed(str(STRANGER), listed=False), texts.REMOVE_USAGE)
    assert "MALBEOT_ADMINS" in listed
    assert list(await Members(redis).all()) == [Address("telegram", str(FRIEND))]
    await world.gets(STRANGER, text="안녕")
    assert await talkers(world) == set()


async def test_nobody_else_administers_and_no_admin_does_in_a_group(redis: Redis, world: World) -> None:
    world.opens(admins=f"{ADMIN}", invite_code=CODE, allowed=f"{CLUB}")
    await world.gets(STRANGER, text=f"/start {CODE}")
    await world.gets(STRANGER, text="/members")
    await world.gets(STRANGER, text=f"/remove {STRANGER}")
    await calls(world, CLUB, ADMIN, text="/members")
    unknown = [(str(STRANGER), texts.UNKNOWN_COMMAND)] * 2
    assert await world.answers() == [(str(STRANGER), START), *unknown]
    assert await Members(redis).has(Address("telegram", str(STRANGER)))


async def test_logs_tell_what_happened_but_not_to_whom_nor_the_code(world: World) -> None:
    with capture_logs() as logs:
        world.opens(invite_code=CODE)
        await world.gets(STRANGER, text="안녕")
        await world.gets(STRANGER, text="/start guess-no-1")
        await world.gets(STRANGER, text=f"/start {CODE}")
    events = [line["event"] for line in logs]
    assert events == ["refused", "told", "invite_code", "invite_code"]
    shown = [{name: value for name, value in line.items() if not isinstance(value, Address)} for line in logs]
    assert not any(word in str(shown) for word in (str(STRANGER), CODE, "guess", "안녕"))


def test_a_long_list_of_members_is_cut() -> None:
    shown = texts.members([("1", 0)], 3)
    assert "1 (1970-01-01부터)" in shown
    assert shown.endswith("그 밖에 2명")


def test_privacy_tells_of_the_invitation_where_there_is_one() -> None:
    assert "초대 코드" not in texts.privacy(4, 86400)
    assert "초대 코드로 들어오셨다면" in texts.privacy(4, 86400, by_code=True)
