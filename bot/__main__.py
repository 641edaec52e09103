"""The command line: `python -m bot COMMAND`."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.errors import BotError, ServerError, SettingsError

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from bot.mailbox import DeadLetters
    from bot.settings import Settings

    Role = Callable[[Settings, Redis, asyncio.Event], Awaitable[None]]

# NumPy's products are small here: a second thread for them would only take another worker's core. It is read when NumPy
# is imported, which nothing has done yet.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# What a command needs is imported when it runs, and after the settings are read: help, faults and the console are there
# at once.
app = typer.Typer(
    name="malbeot",
    help="말벗, a Korean companion chatbot: one command for each process. Settings: README.md, .env.example.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
dead = typer.Typer(help="Dead letters: messages that no worker could answer.", no_args_is_help=True)
app.add_typer(dead, name="dead")
Letter = Annotated[str, typer.Argument(metavar="LETTER", help="As `dead list` names it.")]
Letters = Annotated[list[str] | None, typer.Argument(metavar="[LETTER]...", help="As `dead list` names them.")]
Everything = Annotated[bool, typer.Option("--all", help="All that there are.")]
File = Annotated[Path, typer.Argument(metavar="FILE")]
Attached = Annotated[
    bool, typer.Option("--attached", hidden=True, help="Leave when standard input closes, as it does with the parent.")
]


@app.command("all")
def everything() -> None:
    """Everything in one go: server, gateway and worker. Without a token, the console in place of the gateway."""
    settings = _settings()
    if settings.telegram_token is None:
        from bot.console import run_console

        run_console(settings, instead_of_gateway=True)
    else:
        from bot.supervisor import run_all

        asyncio.run(run_all(settings))


@app.command()
def chat() -> None:
    """Talk in this terminal, or in a pipe: a line in, a reply out."""
    from bot.console import run_console

    run_console(_settings())


@app.command()
def gateway(attached: Attached = False) -> None:
    """Serve Telegram: receive messages into Redis, deliver the replies. Needs a token."""
    settings = _settings()
    from bot.gateway import run_gateway

    asyncio.run(_serve(run_gateway, settings, attached=attached))


@app.command()
def worker(attached: Attached = False) -> None:
    """Answer what waits in Redis. Start as many as there are cores to spare."""
    settings = _settings()
    from bot.worker import DecodeTimeoutError, run_worker

    try:
        asyncio.run(_serve(run_worker, settings, attached=attached))
    except DecodeTimeoutError as error:
        _report(error)
        os._exit(error.exit_code)  # an ordinary exit would wait for the thread that hangs


@app.command()
def doctor() -> None:
    """Look everything over: what is sound, what is not, and how to mend it. Exit code 1: warnings; 2: faults."""
    settings = _settings()
    from bot.doctor import Load, run_doctor

    load: Load | None = None
    with suppress(ModuleNotFoundError):  # a gateway's image holds no engine
        from bot.worker import load_speaker

        load = load_speaker
    sys.exit(asyncio.run(run_doctor(settings, load)))


@dead.command("list")
def list_dead() -> None:
    """What waits here, oldest first. A chat is shown by a tag, good for this list alone."""
    from bot.dead import list_letters

    _on_letters(list_letters)


@dead.command("show")
def show_dead(
    letter: Letter, text: Annotated[bool, typer.Option("--text", help="Also show what the user wrote.")] = False
) -> None:
    """All about one letter; what the user wrote only with --text."""
    from bot.dead import show_letter

    _on_letters(lambda found: show_letter(found, letter, text=text))


@dead.command("retry")
def retry_dead(letters: Letters = None, everything: Everything = False) -> None:
    """Put letters back into their chats' mailboxes, before whatever waits there: workers try again, and answer once."""
    from bot.dead import retry_letters

    _on_letters(lambda found: retry_letters(found, letters or [], everything=everything))


@dead.command("drop")
def drop_dead(letters: Letters = None, everything: Everything = False) -> None:
    """Delete letters for good."""
    from bot.dead import drop_letters

    _on_letters(lambda found: drop_letters(found, letters or [], everything=everything))


@app.command()
def reshard() -> None:
    """Move what stands in Redis into MALBEOT_SHARDS shards. Stop gateways and workers before."""

    async def run(settings: "Settings", redis: "Redis") -> None:
        from bot.mailbox import reshard, signed_in
        from bot.redis_cluster import check_settled

        await check_settled(redis, settings.shards)
        workers, gateways = await signed_in(redis)
        if workers or gateways:
            raise BotError(
                f"workers that run: {workers}, gateways: {gateways}; stop them first (one that was killed counts for a "
                "minute more)"
            )
        print(f"in {settings.shards} shards; messages that wait: {await reshard(redis, settings.shards)}")

    _on_redis(run)


@app.command()
def backup(file: File) -> None:
    """Write all that Redis holds of the bot into a file (`-`: standard output), which only you can read."""
    settings = _settings()
    from bot.backup import back_up

    asyncio.run(back_up(settings, file))


@app.command()
def restore(file: File) -> None:
    """Put a backup (`-`: standard input) into a server that holds nothing of the bot yet."""
    settings = _settings()
    from bot.backup import restore as put_back

    asyncio.run(put_back(settings, file))


@app.command()
def migrate(
    to: Annotated[str | None, typer.Option(metavar="URL", help="Where to; MALBEOT_REDIS_URL, if not said.")] = None,
) -> None:
    """Copy all that the embedded server of `make run` holds to another server. Cut short, it may be repeated."""
    settings = _settings()
    from bot.backup import migrate as move

    asyncio.run(move(settings, to))


@app.command()
def health() -> None:
    """Ask the process that listens on MALBEOT_METRICS_LISTEN whether it can do its work; exit code 1 if not."""
    settings = _settings()
    from bot.pulse import ask

    ask(settings)


@app.command("settings")
def show_settings() -> None:
    """Print the settings in effect, secrets masked."""
    for name, value in _settings().masked().items():
        print(f"{name}={value}")


async def _serve(role: "Role", settings: "Settings", *, attached: bool) -> None:
    from bot.lifetime import stop_event
    from bot.redis_link import connect

    stop = stop_event(attached=attached)
    try:
        redis = await connect(_redis_url(settings))
    except ServerError as error:
        if attached:  # the parent had reached the server: it is worth another try
            error.exit_code = 1
        raise
    try:
        await _agreed(settings, redis)
        await role(settings, redis, stop)
    finally:
        await redis.aclose()


async def _agreed(settings: "Settings", redis: "Redis") -> None:
    from redis.exceptions import RedisError

    from bot.mailbox import agree

    try:
        await agree(redis, settings.shards)
    except RedisError as error:
        raise ServerError(f"Redis is lost ({type(error).__name__})") from None


def _on_letters(work: "Callable[[DeadLetters], Awaitable[None]]") -> None:
    from bot.mailbox import DeadLetters

    async def run(settings: "Settings", redis: "Redis") -> None:
        await _agreed(settings, redis)
        await work(DeadLetters(redis, shards=settings.shards))

    _on_redis(run)


def _on_redis(work: "Callable[[Settings, Redis], Awaitable[None]]") -> None:
    """What an operator asks of Redis, and is done with at once."""
    settings = _settings()
    from redis.exceptions import RedisError

    from bot.redis_link import connect

    async def run() -> None:
        redis = await connect(_redis_url(settings))
        try:
            await work(settings, redis)
        except RedisError as error:
            raise ServerError(f"Redis is lost ({type(error).__name__})") from None
        finally:
            await redis.aclose()

    asyncio.run(run())


def _settings() -> "Settings":
    from bot.logs import configure_logs
    from bot.settings import load_settings

    settings = load_settings()
    configure_logs(settings)
    return settings


def _redis_url(settings: "Settings") -> str:
    from bot.embedded import running

    if settings.redis_url:
        return settings.redis_url.get_secret_value()
    url = running(settings.data_dir)
    if url is None:
        raise SettingsError("MALBEOT_REDIS_URL: must be set, unless `python -m bot all` or `chat` runs beside")
    return url


def _report(error: BotError) -> None:
    print(f"malbeot: {error}", file=sys.stderr, flush=True)


def main() -> None:
    """Run a command; an operator's fault ends as one line on standard error and its exit code."""
    # A container's first process ignores what it has no handler for. Until a command has a way of its own, this holds.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        app()
    except BotError as error:
        _report(error)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
