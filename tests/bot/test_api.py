"""The client against a server that misbehaves."""

import json
import logging

import pytest
from structlog.testing import capture_logs
from telegram.error import Conflict, InvalidToken, NetworkError, RetryAfter, TelegramError

from bot.api import BotApi, backoff, retry_after
from tests.telegram_api import TOKEN, TelegramApi


async def test_updates_come_as_they_are_and_are_confirmed_by_offset_alone(telegram: TelegramApi, api: BotApi) -> None:
    first = telegram.say(7, "안녕")
    odd = telegram.push({"tea_party": [1, 2]})
    assert [update["update_id"] for update in await api.receive(offset=0, wait=0)] == [first, odd]
    assert [update["update_id"] for update in await api.receive(offset=0, wait=0)] == [first, odd]
    assert await api.receive(offset=odd + 1, wait=0) == []
    assert await api.receive(offset=0, wait=0) == []


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b"{}", b'{"ok": true}', b'{"ok": true, "result": [{"a": 1}]}', b"\xff", b"[" * 100_000],
)
async def test_garbage_is_an_error_like_any_other_and_is_not_logged(
    telegram: TelegramApi, api: BotApi, caplog: pytest.LogCaptureFixture, body: bytes
) -> None:
    caplog.set_level(logging.WARNING)
    telegram.fail("getUpdates", status=200, body=body)
    with pytest.raises(TelegramError):
        await api.receive(offset=0, wait=0)
    assert caplog.records == []


async def test_what_has_no_id_keeps_no_other_update_back(telegram: TelegramApi, api: BotApi) -> None:
    ids: tuple[object, ...] = (None, True, "6", 7.0, 2**64, [8])
    answer = {
        "ok": True,
        "result": [{"update_id": 5}, *({"update_id": wrong} for wrong in ids), {}, 9, {"update_id": 10}],
    }
    telegram.fail("getUpdates", status=200, body=json.dumps(answer).encode())
    with capture_logs() as logs:
        assert await api.receive(offset=0, wait=0) == [{"update_id": 5}, {"update_id": 10}]
    assert logs == [{"event": "without_id", "log_level": "warning", "updates": 8}]


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        ({"status": 401}, InvalidToken),
        ({"status": 409}, Conflict),
        ({"status": 502, "body": b"Bad Gateway"}, NetworkError),
        ({"cut": True}, NetworkError),
    ],
)
async def test_each_fault_has_its_error(
    telegram: TelegramApi, api: BotApi, failure: dict[str, object], error: type[TelegramError]
) -> None:
    telegram.fail("getUpdates", **failure)
    with pytest.raises(error):
        await api.receive(offset=0, wait=0)


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 409, 429, 500])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><h1>Forbidden</h1></html>",
        b'{"ok": fal',
        b'{"ok": true}',
        b'{"ok": false, "description": 5}',
        b'{"ok": false, "parameters": []}',
        b'{"ok": false, "parameters": {"retry_after": "soon"}}',
        b'{"ok": false, "parameters": {"retry_after": 1e300}}',
        b'{"ok": false, "parameters": {"migrate_to_chat_id": [7]}}',
    ],
)
async def test_what_is_no_answer_of_telegrams_condemns_neither_chat_nor_token(
    telegram: TelegramApi, api: BotApi, status: int, body: bytes
) -> None:
    """As a proxy, a firewall or half a server says it."""
    telegram.fail("sendMessage", status=status, body=body)
    with pytest.raises(NetworkError) as caught:
        await api.send(7, "안녕")
    assert type(caught.value) is NetworkError  # of which BadRequest is a kind


async def test_a_refusal_under_a_status_of_success_is_an_error(telegram: TelegramApi, api: BotApi) -> None:
    telegram.fail("sendMessage", status=200, body=b'{"ok": false, "description": "Internal Server Error"}')
    with pytest.raises(NetworkError):
        await api.send(7, "안녕")


@pytest.mark.parametrize("result", ["{}", "17", '"sent"', "null", '{"message_id": "x", "chat": 5}'])
async def test_a_message_was_sent_whatever_telegram_says_of_it(telegram: TelegramApi, api: BotApi, result: str) -> None:
    telegram.fail("sendMessage", status=200, body=f'{{"ok": true, "result": {result}}}'.encode())
    await api.send(7, "안녕")


async def test_an_account_that_cannot_be_read_is_an_error_like_any_other(telegram: TelegramApi, api: BotApi) -> None:
    telegram.fail("getMe", status=200, body=b'{"ok": true, "result": {"id": "me"}}')
    with pytest.raises(TelegramError):
        await api.identify()
    assert (await api.identify()).username == "malbeot_bot"


async def test_retry_after_is_read_without_a_warning(telegram: TelegramApi, api: BotApi) -> None:
    telegram.fail("sendMessage", status=429, parameters={"retry_after": 7})
    with pytest.raises(RetryAfter) as caught:
        await api.send(7, "안녕")
    assert retry_after(caught.value) == 7.0


async def test_the_token_is_not_shown(api: BotApi) -> None:
    assert TOKEN not in f"{api} {api!r}"


def test_backoff_doubles_up_to_its_limit() -> None:
    assert backoff(1) < 1
    assert backoff(3) > backoff(1)
    assert 22 <= backoff(10_000) <= 38
