"""Whether the process beside this one can do its work: what a container's health check asks."""

from urllib.error import HTTPError
from urllib.request import urlopen

from bot.errors import BotError, SettingsError
from bot.settings import Settings

PATIENCE = 5.0  # seconds


def ask(settings: Settings) -> None:
    """Print that it is ready; BotError with what is amiss if it is not, or does not answer."""
    if settings.metrics_listen is None:
        raise SettingsError("MALBEOT_METRICS_LISTEN: must be set, here and where the process runs")
    host, _, port = settings.metrics_listen.rpartition(":")
    address = f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}/readyz"  # noqa: S104 - that is asked, not served
    try:
        with urlopen(address, timeout=PATIENCE) as answer:
            print(answer.read().decode().strip())
    except HTTPError as error:
        raise BotError(error.read().decode().strip()) from None
    except OSError:
        raise BotError("nobody answers there") from None
