"""The doctor's look at Telegram: is it there, does it know the token, does the webhook lead here."""

from collections.abc import Iterator
from contextlib import suppress
from email.utils import parsedate_to_datetime
from time import time
from urllib.parse import urlsplit

import httpx
from telegram import WebhookInfo
from telegram.error import InvalidToken, TelegramError

from bot.api import BotApi
from bot.findings import Finding, State, clock
from bot.settings import Settings

PENDING = 100  # updates waiting at Telegram that are no more than a busy moment
LATELY = 3600.0  # seconds in which a fault of the webhook counts
_PATIENCE = 10.0  # seconds for one answer of the Bot API


async def look_at_telegram(settings: Settings, token: str) -> list[Finding]:
    """Whoever polls is not disturbed."""
    findings = await _reach(settings.telegram_api_url)
    api = BotApi(token, settings.telegram_api_url)
    try:
        me = await api.identify()
        findings.append(Finding("token", f"is that of @{me.username}"))
        findings += _webhook(await api.get_webhook_info(), settings)
    except InvalidToken:
        mend = "copy it again from BotFather (/mybots), or ask for a new one (/revoke)"
        findings.append(Finding("token", "Telegram does not know it", State.FAULT, mend))
    except TelegramError as error:
        found = f"could not be tried ({type(error).__name__})"
        findings.append(Finding("token", found, State.FAULT, "see to the Bot API first, then ask again"))
    finally:
        await api.close_connections()
    return findings


async def _reach(url: str) -> list[Finding]:
    host = urlsplit(url).hostname
    try:
        async with httpx.AsyncClient(timeout=_PATIENCE) as client:
            # The address without a token: it is only asked whether anybody is there, and what the time is.
            answer = await client.head(urlsplit(url)._replace(path="/").geturl())
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        mend = "look at network, DNS, proxy (HTTPS_PROXY) and firewall"
        if host != "api.telegram.org":
            mend += ", and at MALBEOT_TELEGRAM_API_URL"
        return [Finding("Bot API", f"{host} cannot be reached ({type(error).__name__})", State.FAULT, mend)]
    findings = [Finding("Bot API", f"{host} answers")]
    with suppress(KeyError, ValueError):  # a server of one's own need not tell the time
        findings.append(clock(str(host), parsedate_to_datetime(answer.headers["date"]).timestamp(), time()))
    return findings


def _webhook(info: WebhookInfo, settings: Settings) -> Iterator[Finding]:
    if settings.webhook_url is None and info.url:
        yield Finding(
            "webhook", "one is set, though the settings want polling", State.WARNING,
            "the gateway removes it when it starts; if it comes back, another service has this token: /revoke it",
        )  # fmt: skip
    elif settings.webhook_url and info.url != settings.webhook_url:
        found = f"another one is set, at {urlsplit(info.url).hostname}" if info.url else "none is set"
        mend = "start the gateway, which sets it; if it changes back, another service has this token: /revoke it"
        yield Finding("webhook", found, State.FAULT, mend)
    elif settings.webhook_url and info.last_error_date and time() - info.last_error_date.timestamp() < LATELY:
        yield Finding(
            "webhook", f"Telegram's last push failed: {info.last_error_message}", State.WARNING,
            "see that the proxy's certificate is good, and that it passes on to MALBEOT_WEBHOOK_LISTEN",
        )  # fmt: skip
    else:
        yield Finding("webhook", "is set" if settings.webhook_url else "none, as polling wants it")
    waiting = info.pending_update_count
    late = waiting > PENDING
    yield Finding(
        "updates", f"{waiting} wait at Telegram", State.WARNING if late else State.SOUND,
        "see that the gateway runs, and what its log says" if late else "",
    )  # fmt: skip
