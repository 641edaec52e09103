"""The connection to Redis: what a refusal says, that a long wait is no fault, and that a call can be cancelled."""

import asyncio
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError  # noqa: A004 - the library's

from bot.errors import ServerError
from bot.mailbox.server import LONGEST_WAIT
from bot.redis_connection import REPLY_LIMIT
from bot.redis_link import connect


async def test_where_nobody_answers_one_line_says_so_without_the_password(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match=r"^MALBEOT_REDIS_URL: ") as error:
        await connect(f"unix://:hunter2@{tmp_path}/nobody.sock")
    assert error.value.exit_code == 2
    assert "\n" not in str(error.value)
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize(
    "rest",
    [
        "?socket_timeout=abc",
        "?retry=a",
        "?db=x",
        "?foo=bar",
        "?connection_class=a",
        "?health_check_interval=x",
        "?ssl_cert_reqs=banana",
    ],
)
async def test_options_that_make_no_sense_are_one_line_without_the_password(rest: str) -> None:
    for scheme in ("redis", "rediss"):
        with pytest.raises(ServerError, match=r"^MALBEOT_REDIS_URL: ") as error:
            await connect(f"{scheme}://:hunter2@127.0.0.1:1{rest}")
        assert "\n" not in str(error.value)
        assert "hunter2" not in str(error.value)


async def test_a_password_is_given_and_a_wrong_one_not_shown(redis: Redis, redis_url: str) -> None:
    path = redis_url.removeprefix("unix://")
    await redis.config_set("requirepass", "right-one")
    try:
        friend = await connect(f"unix://:right-one@{path}")
        await friend.aclose()
        with pytest.raises(ServerError, match=r"AuthenticationError") as error:
            await connect(f"unix://:hunter2@{path}")
        assert "hunter2" not in str(error.value)
    finally:
        await redis.config_set("requirepass", "")


def test_the_longest_read_ends_before_the_connection_gives_up() -> None:
    assert LONGEST_WAIT < REPLY_LIMIT


async def test_a_call_ends_at_once_whenever_it_is_cancelled(redis: Redis) -> None:
    for steps in range(40):
        call = asyncio.create_task(redis.blpop(["nothing"], timeout=5))
        for _ in range(steps):  # cancel at each point where the call may be: connecting, writing, waiting
            await asyncio.sleep(0)
        call.cancel()
        done, _ = await asyncio.wait({call}, timeout=1)
        assert done, f"went on after step {steps}"
        assert call.cancelled()


async def test_a_cancelled_call_leaves_no_reply_behind(redis: Redis) -> None:
    for steps in range(40):
        call = asyncio.create_task(redis.echo("stale"))
        for _ in range(steps):
            await asyncio.sleep(0)
        call.cancel()
        await asyncio.wait({call})
        assert await redis.echo("fresh") == "fresh"


async def test_a_connection_that_is_closed_under_a_calls_hands_is_a_broken_one(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = redis.connection_pool.make_connection()
    await connection.connect()
    monkeypatch.setattr(connection, "check_health", connection.disconnect)  # another closes it while it looks
    with pytest.raises(ConnectionError, match="closed meanwhile"):
        await connection.send_command("ECHO", "x")
