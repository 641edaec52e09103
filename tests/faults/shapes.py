"""Updates as the Bot API documents them, from the classes of python-telegram-bot, and what may be wrong with them.

Each class of the library has the fields of one of Telegram's objects, typed: a strategy for each makes JSON of that
shape. A new release of the Bot API brings its new objects along.
"""

import datetime
import inspect
import random
import types
import typing
from collections.abc import Sequence
from functools import cache
from typing import Any

import telegram
from hypothesis import strategies as st

from model.tokenizer import SPECIAL_TOKENS

Json = dict[str, Any]

USERS, GROUPS = tuple(range(701, 721)), tuple(range(-805, -800))
BOT = {"id": 110201543, "is_bot": True, "first_name": "말벗", "username": "malbeot_bot"}
_TALKATIVE = 0.4  # the share of variants that are sound messages, of whatever text: what the others must not disturb
_ESSENTIAL = tuple(
    ("message", *path.split())
    for path in ("chat id", "chat type", "chat", "message_id", "from id", "from is_bot", "text")
)
_DEEPEST = 3  # objects within objects
_JSON_NAMES = {"from_user": "from"}

_NASTY = (
    "\0", "안녕\0하세요", "\ud83d", "a\udc00b", "\udc00\ud83d", "가" + "\u0301" * 4096, "\u202e거꾸로\u202d", "\u200d" * 50,
    "👨\u200d👩\u200d👧", "\ufeff", "\u2028\u2029", "\u115f\u3164", "ᄒ" * 200, "ㅋ" * 4096, "\U0010ffff", "\x1b[2J", "\r\n\t ",
    "\n".join(map(str, range(700))), "죽고 싶어", "{}", "%s%n", "'; DROP", "<b>", "&lt;", "\\u0000", "NaN", "a" * 4096,
)  # fmt: skip
_TALK = (
    "안녕",
    "오늘 면접 봤는데 망했어 ㅠㅠ",
    "배고프다 뭐 먹지",
    "@malbeot_bot 뭐 해?",
    "고마워",
    "잘 자",
    "너는 누구니?",
)
_COMMANDS = (
    "/start",
    "/help",
    "/who",
    "/reset",
    "/forget",
    "/privacy@malbeot_bot",
    "/춤",
    "/dance",
    "/HELP@other_bot",
    "/",
)

texts = st.one_of(
    st.sampled_from(_TALK),
    st.sampled_from(_COMMANDS),
    st.sampled_from(_NASTY),
    st.sampled_from(SPECIAL_TOKENS),
    st.lists(st.sampled_from((*_TALK, *SPECIAL_TOKENS, *_NASTY[:4], " ", "\u200b")), max_size=6).map("".join),
    st.text(max_size=30),
    st.text(st.characters(), max_size=10),  # lone surrogates too
)
_numbers = st.one_of(st.integers(0, 9), st.integers(0, 2**31), st.just(2**52))
# What a field must not hold.
WRONG: tuple[Any, ...] = (
    None, True, False, -1, 0, 2**31, 2**53, 2**63, 2**64, -(2**63), 10**400, 1e308, -0.5, float("inf"), float("nan"),
    "", "0", "null", "\0", "\ud800", "x" * 100_000, [], {}, [[]], [None], {"": {}}, {"id": None}, ["a"] * 500,
)  # fmt: skip
_wrong = st.sampled_from(WRONG)


@cache
def objects(kind: type, depth: int = 0) -> st.SearchStrategy[Json]:
    """JSON of one of Telegram's objects: what it must have, and some of what it may."""
    required: dict[str, st.SearchStrategy[Any]] = {}
    optional: dict[str, st.SearchStrategy[Any]] = {}
    for name, parameter in _fields(kind).items():
        annotation = parameter.annotation
        field = required if parameter.default is inspect.Parameter.empty else optional
        strategy = values(annotation, depth + 1)
        if strategy is not None:
            field[_JSON_NAMES.get(name, name)] = strategy
    few = st.lists(st.sampled_from(sorted(optional)), max_size=3, unique=True) if optional else st.just([])
    return few.flatmap(lambda names: st.fixed_dictionaries(required | {name: optional[name] for name in names}))


def values(annotation: Any, depth: int) -> st.SearchStrategy[Any] | None:  # noqa: ANN401
    """Values of an annotated field; None where all of them would lie too deep."""
    if isinstance(annotation, (str, typing.ForwardRef)):
        name = annotation if isinstance(annotation, str) else annotation.__forward_arg__
        annotation = getattr(telegram, name.removesuffix(" | None"), None)
    arguments = typing.get_args(annotation)
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        kinds = [values(argument, depth) for argument in arguments if argument is not type(None)]
        return st.one_of(*found) if (found := [kind for kind in kinds if kind is not None]) else None
    if typing.get_origin(annotation) is Sequence:
        inner = values(arguments[0], depth)
        return st.lists(inner, max_size=2) if inner is not None else st.just([])
    simple = {bool: st.just(True), int: _numbers, float: st.floats(0, 100), str: texts}
    if annotation in simple:
        return simple[annotation]
    if annotation in (datetime.datetime, datetime.timedelta):
        return st.integers(0, 2**31)
    if annotation is telegram.Chat:
        return chats
    if annotation is telegram.User:
        return users
    if isinstance(annotation, type) and issubclass(annotation, telegram.TelegramObject) and depth <= _DEEPEST:
        return st.deferred(lambda: objects(annotation, depth))
    return None


def _fields(kind: type) -> dict[str, inspect.Parameter]:
    found = dict(inspect.signature(kind).parameters)
    return {name: field for name, field in found.items() if name not in ("self", "api_kwargs")}


users = st.one_of(
    st.sampled_from(USERS).map(lambda user: {"id": user, "is_bot": False, "first_name": "민지"}),
    st.just(BOT),
    st.builds(lambda name: {"id": 5, "is_bot": True, "first_name": name}, texts),
)
chats = st.one_of(
    st.sampled_from(USERS).map(lambda chat: {"id": chat, "type": "private"}),
    st.sampled_from(USERS).map(lambda chat: {"id": chat, "type": "private"}),
    st.sampled_from(GROUPS).map(lambda chat: {"id": chat, "type": "supergroup", "title": "모임"}),
    st.sampled_from(GROUPS).map(lambda chat: {"id": chat, "type": "group"}),
    st.sampled_from(GROUPS).map(lambda chat: {"id": chat, "type": "channel"}),
)


def _message(chat: Json, text: str, rest: Json) -> Json:
    sender = {"id": abs(chat["id"]), "is_bot": False, "first_name": "민지"}
    return {"message": {"message_id": 1, "date": 0, "chat": chat, "from": sender, "text": text} | rest}


def _of_one_kind(name: str) -> st.SearchStrategy[Json]:
    """A message with this field and no text."""
    content = values(_fields(telegram.Message)[name].annotation, 1)
    head = st.fixed_dictionaries({"message_id": _numbers, "date": _numbers, "chat": chats, "from": users})
    return st.builds(
        lambda message, value: {"message": message | {_JSON_NAMES.get(name, name): value}},
        head,
        st.just(True) if content is None else content,
    )


def varied(update: Json, others: Sequence[Json], rng: random.Random) -> Json:
    """A copy in which something is removed, is of another's making, or is what it must not be; or a sound message."""
    if not update:
        return {"message": rng.choice(WRONG)}
    if rng.random() < _TALKATIVE:
        chat = {"id": rng.choice(USERS), "type": "private"}
        sound = _message(chat, rng.choice((*_TALK, *_COMMANDS, *_NASTY, *SPECIAL_TOKENS)), {})
        return sound if rng.random() < 0.8 else _with(sound, rng.choice(_ESSENTIAL), rng.choice(WRONG))
    return _spoiled(update, others, rng)


def _with(update: Json, path: Sequence[str], value: Any) -> Json:  # noqa: ANN401
    name, *rest = path
    return update | {name: _with(update[name], rest, value) if rest else value}


def _spoiled(update: Json, others: Sequence[Json], rng: random.Random) -> Json:
    name = "message" if "message" in update and rng.random() < 0.8 else rng.choice(sorted(update))
    inner = update[name]
    if "text" in update and rng.random() < 0.6:
        return update | {"text": rng.choice((*_TALK, *_COMMANDS, *_NASTY, *SPECIAL_TOKENS))}
    if isinstance(inner, dict) and inner and rng.random() < 0.9:
        theirs = [other[name] for other in rng.sample(others, min(3, len(others))) if isinstance(other.get(name), dict)]
        return update | {name: _spoiled(inner, theirs or [inner], rng)}
    match rng.randrange(3):
        case 0:
            return {key: value for key, value in update.items() if key != name}
        case 1:
            return update | rng.choice(others)
    return update | {
        rng.choice((*[name] * 4, "text", "caption", "photo", "chat", "reply_to_message")): rng.choice(WRONG)
    }


_others = [
    st.fixed_dictionaries({name: strategy})
    for name, field in _fields(telegram.Update).items()
    if name not in ("update_id", "message") and (strategy := values(field.annotation, 0)) is not None
]
_kinds = [name for name in _fields(telegram.Message) if name not in ("message_id", "date", "chat", "from_user")]
_extra = st.dictionaries(
    st.sampled_from(("caption", "photo", "reply_to_message", "sender_chat", "new_kind")), _wrong, max_size=1
)

_whole = st.sampled_from(
    [
        *[st.builds(_message, chats, texts, st.just({}))] * 8,
        *[st.builds(_message, chats, texts, _extra)] * 3,
        *[st.sampled_from(_kinds).flatmap(_of_one_kind)] * 4,
        objects(telegram.Message).map(lambda message: {"message": message}),
        *[st.sampled_from(_others).flatmap(lambda strategy: strategy)] * 4,
        st.dictionaries(st.text(max_size=12), _wrong, max_size=2),  # of a kind that nobody knows yet
    ]
).flatmap(lambda strategy: strategy)
# Without an id of its own unless that is what is wrong; whoever sends it gives it one.
updates = st.one_of(
    _whole, _whole.map(dict), st.builds(lambda update, wrong: update | {"update_id": wrong}, _whole, _wrong)
)
