"""A master, its replica and three sentinels: conversations, and what becomes of them when the master dies."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bot.errors import ServerError
from bot.mailbox import Mailbox
from bot.redis_link import connect
from tests.servers import Watched, certificates, free_port, in_background, watched
from tests.service import serving

CHAT = 1001


@pytest.fixture(scope="module")
def trio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    with in_background(watched(tmp_path_factory.mktemp("watched"))) as made:
        yield made


async def test_any_sentinel_tells_where_the_master_is(trio: Watched) -> None:
    first, *others = trio.url.partition("//")[2].partition("/")[0].split(",")
    for hosts in (first, f"127.0.0.1:{free_port()},{others[0]}"):
        redis = await connect(f"redis+sentinel://{hosts}/malbeot/0")
        assert await redis.set("somebody:elses", 1)
        await redis.aclose()


async def test_a_service_that_nobody_watches_is_one_line(trio: Watched) -> None:
    with pytest.raises(ServerError, match=r"^MALBEOT_REDIS_URL: .*\(MasterNotFoundError\)") as error:
        await connect(trio.url.replace("//", "//:hunter2@").replace("/malbeot", "/hunter2"))
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize("rest", ["?no_such=hunter2", "?sentinel_no_such=hunter2", "?db=hunter2"])
async def test_an_option_that_it_does_not_know_is_one_line(trio: Watched, rest: str) -> None:
    with pytest.raises(ServerError, match=r"^MALBEOT_REDIS_URL: ") as error:
        await connect(f"{trio.url}{rest}")
    assert "hunter2" not in str(error.value)


async def test_tls_is_asked_for_of_sentinels_too(trio: Watched, tmp_path: Path) -> None:
    keys = await certificates(tmp_path)
    with pytest.raises(ServerError, match=r"^MALBEOT_REDIS_URL: ") as error:
        await connect(f"rediss+sentinel://127.0.0.1:{trio.sentinels[0].port}/malbeot?ssl_ca_certs={keys / 'ca.pem'}")
    assert "MasterNotFound" in str(error.value), "who speaks no TLS is no sentinel of ours"


async def test_by_what_an_emptied_server_is_known_is_replicated_before_anybody_is_heard(trio: Watched) -> None:
    redis, master = await connect(trio.url), await trio.master()
    [replica] = [node for node in trio.servers if node is not master]
    assert replica.process
    replica.process.send_signal(signal.SIGSTOP)
    with capture_logs() as logs:
        assert await Mailbox(redis, replicas=1).founded(0)
    replica.process.send_signal(signal.SIGCONT)
    await redis.aclose()
    assert [line["event"] for line in logs] == ["not_replicated"], "it was waited for"


@pytest.mark.timeout(300)
async def test_a_conversation_goes_on_when_the_master_dies(trio: Watched) -> None:
    async with serving(trio.url, replicas=1) as service:
        assert await service.ask(CHAT, "벚나무") == "벚나무라고요"
        master = await trio.master()
        assert master.process
        master.process.kill()
        assert await service.ask(CHAT, "등대") == "등대라고요"
        assert service.engine.asked[-1] == [["벚나무", "벚나무라고요", "등대"]], "the replica had what was said before"
        assert await trio.master() is not master
