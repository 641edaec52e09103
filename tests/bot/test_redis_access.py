"""Who may reach Redis, and how: the user of least rights as SECURITY.md has it, passwords, TLS, sockets."""

import re
import shutil
from pathlib import Path

import pytest
from redis.exceptions import ResponseError

from bot import texts
from bot.address import Address
from bot.errors import ServerError
from bot.mailbox import Accepted, Mailbox, Message, Outbox
from bot.metrics import GatewayMetrics
from bot.redis_link import connect
from bot.survey import survey
from tests.processes import ROOT
from tests.servers import behind_tls, certificates, server
from tests.service import serving

PASSWORD = "p%40ssw0rd-of-the-bot"  # as a URL has it
CHAT = 7180339887


def users() -> str:
    """The lines of SECURITY.md, with a password."""
    [block] = re.findall(r"```\n(user default off.*?)```", (ROOT / "SECURITY.md").read_text("utf-8"), re.DOTALL)
    return str(block).replace("PASSWORD", PASSWORD.replace("%40", "@"))


def acl_file(folder: Path) -> str:
    (folder / "users.acl").write_text(users(), "utf-8")
    return str(folder / "users.acl")


async def play(url: str) -> None:
    """A whole conversation: commands, replies, context, a dead letter, what is forgotten."""
    async with serving(url) as service:
        assert "말벗" in await service.ask(CHAT, "/start")
        assert await service.ask(CHAT, "벚나무") == "벚나무라고요"
        assert await service.ask(CHAT, "등대") == "등대라고요"
        assert service.engine.asked[-1] == [["벚나무", "벚나무라고요", "등대"]]
        assert await service.ask(CHAT, "독") == texts.APOLOGY
        assert await service.ask(CHAT, "/forget") == texts.FORGET
        assert await service.ask(CHAT, "옹달샘") == "옹달샘라고요"
        assert service.engine.asked[-1] == [["옹달샘"]]


BINARIES = ["", *filter(None, [shutil.which("redis-server")])]  # the embedded one, and the system's, if it has one


@pytest.mark.parametrize("binary", BINARIES)
async def test_what_these_users_wrote_is_there_when_the_server_starts_again(tmp_path: Path, binary: str) -> None:
    """Redis 7.0 reads its file as the default user, and drops whatever a script did that this user may not do."""
    kept = {"appendonly": "yes", "appendfsync": "always", "aclfile": acl_file(tmp_path)}
    yuna = Address("telegram", "1001")
    for accepted in (Accepted.ACCEPTED, Accepted.DUPLICATE):
        async with server(tmp_path, binary=binary, **kept) as path:
            redis = await connect(f"unix://malbeot:{PASSWORD}@{path}")
            assert await Mailbox(redis).accept(yuna, Message(1, 1, "안녕", 0.0)) is accepted
            assert await Mailbox(redis).backlog() == 1
            await redis.aclose()


async def test_a_user_of_least_rights_is_enough_for_a_whole_conversation(tmp_path: Path) -> None:
    async with server(tmp_path, aclfile=acl_file(tmp_path)) as path:
        await play(f"unix://malbeot:{PASSWORD}@{path}")
        for url in (f"unix://{path}", f"unix://:{PASSWORD}@{path}", f"unix://malbeot:wrong@{path}"):
            with pytest.raises(ServerError, match=r"^MALBEOT_REDIS_URL: .*(Auth|NoPerm)"):
                await connect(url)


async def test_how_full_the_server_is_may_be_asked_and_is_unknown_where_it_may_not(tmp_path: Path) -> None:
    acl = acl_file(tmp_path)
    async with server(tmp_path, aclfile=acl, maxmemory="64mb") as path:
        redis = await connect(f"unix://malbeot:{PASSWORD}@{path}")
        metrics = GatewayMetrics()
        await survey(Mailbox(redis), Outbox(redis), metrics)
        assert metrics.registry.get_sample_value("malbeot_redis_memory_max_bytes") == 64 * 2**20
        await redis.aclose()
    Path(acl).write_text(users().replace(" +info|memory", ""), "utf-8")
    async with server(tmp_path, aclfile=acl) as path:
        redis = await connect(f"unix://malbeot:{PASSWORD}@{path}")
        await survey(Mailbox(redis), Outbox(redis), metrics)
        assert str(metrics.registry.get_sample_value("malbeot_redis_memory_max_bytes")) == "nan"
        assert metrics.registry.get_sample_value("malbeot_redis_up") == 1
        await redis.aclose()


FORBIDDEN = (
    "FLUSHALL", "FLUSHDB", "KEYS *", "SCAN 0", "CONFIG GET *", "CONFIG SET dir /", "ACL LIST", "ACL WHOAMI",
    "SCRIPT FLUSH", "SHUTDOWN", "BGREWRITEAOF", "SAVE", "MONITOR", "CLIENT LIST", "SLOWLOG GET",
    "REPLICAOF NO ONE", "MODULE LIST", "FUNCTION LIST", "SUBSCRIBE x", "PUBLISH x y", "INFO", "INFO all", "INFO server",
    "GET elsewhere", "SET malbeot:x 1", "DUMP malbeot:{s0}:dead", "RENAME malbeot:{s0}:dead malbeot:{s0}:x",
    "XGROUP DESTROY malbeot:{s0}:ready workers", "EVAL return(redis.call('FLUSHALL')) 0",
    "EVAL return(redis.call('GET','elsewhere')) 0",
)  # fmt: skip


async def test_what_that_user_has_no_use_for_is_refused(tmp_path: Path) -> None:
    async with server(tmp_path, aclfile=acl_file(tmp_path)) as path:
        redis = await connect(f"unix://malbeot:{PASSWORD}@{path}")
        for command in FORBIDDEN:
            with pytest.raises(ResponseError, match=r"(?i)permission|ACL"):
                await redis.execute_command(*command.split())
        await redis.aclose()


def test_every_command_that_is_used_is_among_the_rights() -> None:
    """Also those that no conversation happens to use."""
    rights = set(re.findall(r"\+([a-z]+)", users()))
    scripts = "".join(path.read_text("utf-8") for path in (ROOT / "bot" / "mailbox" / "scripts").glob("*.lua"))
    # What only these use, an operator may be allowed for the while; moving is for an administrator's user.
    operators = {"doctor.py", "state.py", "move.py"}
    files = [path for path in (ROOT / "bot").rglob("*.py") if path.name not in operators]
    sources = "".join(path.read_text("utf-8") for path in files)
    called = {name.lower() for name in re.findall(r"redis\.call\('(\w+)'", scripts)}
    called |= {name.partition("_")[0] for name in re.findall(r"await (?:self\._)?redis\.([a-z_]+)\(", sources)}
    called = {"del" if name == "delete" else name for name in called - {"aclose"}}
    assert called | {"ping"} == rights  # the client's own look whether the connection stands


async def test_tls_is_verified_by_an_authority_of_ones_own(tmp_path: Path) -> None:
    keys = await certificates(tmp_path)
    async with server(tmp_path, aclfile=acl_file(tmp_path)) as path, behind_tls(path, keys) as port:
        url = f"rediss://malbeot:{PASSWORD}@localhost:{port}/0"
        await play(f"{url}?ssl_ca_certs={keys / 'ca.pem'}")
        with pytest.raises(ServerError, match="SSLCertVerificationError"):
            await connect(url)
        with pytest.raises(ServerError, match=r"^MALBEOT_REDIS_URL: .*(FileNotFound|RedisError)"):
            await connect(f"{url}?ssl_ca_certs=/nowhere/ca.pem")


async def test_a_certificate_of_another_host_is_refused(tmp_path: Path) -> None:
    keys = await certificates(tmp_path, name="redis.example.org")
    async with server(tmp_path) as path, behind_tls(path, keys) as port:
        with pytest.raises(ServerError, match="SSLCertVerificationError"):
            await connect(f"rediss://localhost:{port}/0?ssl_ca_certs={keys / 'ca.pem'}")


async def test_a_socket_and_a_password_are_enough(tmp_path: Path) -> None:
    async with server(tmp_path, requirepass=PASSWORD.replace("%40", "@")) as path:
        await play(f"unix://:{PASSWORD}@{path}")
        with pytest.raises(ServerError, match="AuthenticationError"):
            await connect(f"unix://{path}")


@pytest.mark.parametrize("options", ["socket_timeout=hunter2", "no_such_option=hunter2"])
async def test_a_wrong_option_of_the_address_is_one_line(tmp_path: Path, options: str) -> None:
    with pytest.raises(ServerError, match=r"^MALBEOT_REDIS_URL: .*option") as error:
        await connect(f"unix://{tmp_path}/x.sock?{options}")
    assert "hunter2" not in str(error.value)
