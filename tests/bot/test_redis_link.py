"""The connection to Redis: what a refusal says, and that a long wait is no fault."""

from pathlib import Path

import pytest
from redis.asyncio import Redis

from bot.errors import ServerError
from bot.mailbox.server import LONGEST_WAIT
from bot.redis_link import REPLY_LIMIT, connect


async def test_where_nobody_answers_one_line_says_so_without_the_password(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match=r"^MALBEOT_REDIS_URL: ") as error:
        await connect(f"unix://:hunter2@{tmp_path}/nobody.sock")
    assert error.value.exit_code == 2
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
