"""Everything that the operator can set: read once, in `__main__`, and passed on."""

import re
from importlib.util import find_spec
from os import environ
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict, SettingsError as SourceError

from bot.errors import SettingsError
from bot.redis_address import RedisAddress

PREFIX = "MALBEOT_"
SECRET_FILES = Path("/run/secrets")
MASK = "********"


def _token(value: SecretStr) -> SecretStr:
    # Also keeps a stray newline or slash out of the URLs that the token becomes part of.
    if not re.fullmatch(r"[0-9]+:[A-Za-z0-9_-]+", value.get_secret_value()):
        raise ValueError("must look like 123456:ABC…, as BotFather gives it")
    return value


def _redis_url(value: SecretStr) -> SecretStr:
    RedisAddress.parse(value.get_secret_value())
    return value


def _http_url(value: str) -> str:
    if not re.fullmatch(r"https?://[^/\s?#]+(/\S*)?", value) or not _well_formed(value) or not urlsplit(value).hostname:
        raise ValueError("must be an http:// or https:// address")
    return value.rstrip("/")


def _well_formed(url: str) -> bool:
    # urllib looks at the port only when it is asked for it; later it would be too late.
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False


def _name(value: str) -> str:
    # What commands a terminal, and the marks of our own placeholders, are no part of anybody's name.
    if re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029<>]", value):
        raise ValueError("must be a name in one line, without < and >")
    return value


def _path(value: Path) -> Path:
    try:
        usable = b"\0" not in str(value).encode()
    except UnicodeEncodeError:
        usable = False
    if not usable:
        raise ValueError("must be a path in UTF-8")
    return value


def _webhook_secret(value: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[A-Za-z0-9_-]{16,256}", value.get_secret_value()):
        raise ValueError("must be 16 to 256 letters, digits, _ or -")
    return value


def _invite_code(value: SecretStr) -> SecretStr:
    # What a link https://t.me/BOT?start=CODE can carry.
    if not re.fullmatch(r"[A-Za-z0-9_-]{8,64}", value.get_secret_value()):
        raise ValueError("must be 8 to 64 letters, digits, _ or -")
    return value


def _ids(value: object) -> object:
    if not isinstance(value, str):
        return value
    words = value.replace(",", " ").split()
    if not words or not all(re.fullmatch(r"-?[1-9][0-9]{0,15}", word) for word in words):
        raise ValueError("must be Telegram's ids, as 123456789 or -1001234567890, with commas between; not @names")
    return frozenset(map(int, words))


def _users(value: frozenset[int]) -> frozenset[int]:
    if any(number < 0 for number in value):
        raise ValueError("must be ids of users; those that begin with - are groups")
    return value


def _listen(value: str) -> str:
    host, _, port = value.rpartition(":")
    if not re.fullmatch(r"[!-~]+", host) or not re.fullmatch(r"[0-9]{1,5}", port) or not 0 < int(port) < 65536:
        raise ValueError("must be host:port")
    return value


def _data_dir() -> Path:
    base = environ.get("XDG_DATA_HOME")
    try:
        return (Path(base) if base else Path.home() / ".local" / "share") / "malbeot"
    except RuntimeError:
        raise SettingsError(f"{PREFIX}DATA_DIR: must be set, as this user has no home folder") from None


Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=32), AfterValidator(_name)]
Folder = Annotated[Path, AfterValidator(_path)]
Ids = Annotated[frozenset[int], NoDecode, BeforeValidator(_ids)]
HttpUrl = Annotated[str, AfterValidator(_http_url)]


class Settings(BaseSettings):
    """The operator's settings: environment, then `.env`, then secret files; an empty value counts as unset."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=".env",
        env_ignore_empty=True,
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,
    )

    telegram_token: Annotated[SecretStr, AfterValidator(_token)] | None = None
    telegram_api_url: HttpUrl = "https://api.telegram.org"
    redis_url: Annotated[SecretStr, AfterValidator(_redis_url)] | None = None  # None: the embedded server
    shards: int = Field(1, ge=1, le=1024)  # parts of the mailbox, which a cluster spreads over its masters
    replicas: int = Field(0, ge=0, le=16)  # replicas that must have a message before Telegram is told that we do
    data_dir: Folder = Field(default_factory=_data_dir)  # what the embedded server keeps

    owner: Name = "이연준"
    bot_name: Name = "말벗"

    webhook_url: HttpUrl | None = None  # None: long polling
    webhook_secret: Annotated[SecretStr, AfterValidator(_webhook_secret)] | None = None
    webhook_listen: Annotated[str, AfterValidator(_listen)] = "127.0.0.1:8080"

    metrics_listen: Annotated[str, AfterValidator(_listen)] | None = None  # None: nothing is served (see bot.health)

    # Who may talk; everybody, where none of the three is set (see bot.access).
    allowed: Ids = Field(frozenset(), repr=False)  # users and groups
    admins: Annotated[Ids, AfterValidator(_users)] = Field(frozenset(), repr=False)
    invite_code: Annotated[SecretStr, AfterValidator(_invite_code)] | None = None

    engine: Literal["ctranslate2", "tensorflow"] = "ctranslate2"
    checkpoint: Folder | None = None  # None: the one that ships
    batch_size: int = Field(32, ge=1, le=1024)  # conversations decoded together
    decode_timeout: float = Field(60, gt=0, le=3600)  # seconds for one batch
    max_tries: int = Field(3, ge=1, le=100)  # then a message becomes a dead letter
    claim_ttl: float = Field(30, ge=1, le=3600)  # seconds; a claim not renewed so long is taken over

    history_exchanges: int = Field(4, ge=0, le=1000)  # 0 keeps no history
    history_ttl: int = Field(86400, ge=1, le=315_360_000)  # seconds
    max_backlog: int = Field(10_000, ge=1, le=10_000_000)  # messages waiting in all
    max_mailbox: int = Field(20, ge=1, le=10_000)  # messages waiting of one chat

    user_rate: int = Field(30, ge=0, le=100_000)  # messages a minute of one user, in all chats together; 0: no limit
    chat_rate: int = Field(20, ge=0, le=100_000)  # of one group: as many as Telegram lets us answer; 0: no limit

    log_format: Literal["auto", "text", "json"] = "auto"  # auto: text on a terminal
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @model_validator(mode="after")
    def _webhook_has_secret(self) -> Self:
        if self.webhook_url and not self.webhook_secret:
            raise ValueError(f"{PREFIX}WEBHOOK_SECRET: must be set when {PREFIX}WEBHOOK_URL is")
        return self

    @property
    def checkpoint_dir(self) -> Path:
        """The checkpoint's folder. Finds the one that ships without importing `model`, which the gateway must not."""
        if self.checkpoint:
            return self.checkpoint
        package = find_spec("model")
        if package is None or not package.submodule_search_locations:
            raise SettingsError(f"{PREFIX}CHECKPOINT: must be set, as no checkpoint is installed here")
        return Path(package.submodule_search_locations[0]) / "pretrained"

    def masked(self) -> dict[str, str]:
        """Each variable's effective value by its name.

        A secret shows only that it is set, also within an address; ids only how many there are.
        """
        return {PREFIX + name.upper(): self._shown(value) for name, value in self}

    def _shown(self, value: object) -> str:
        match value:
            case None:
                return ""
            case SecretStr():
                return MASK
            case frozenset():
                return f"{len(value)} ids" if value else ""
        text = re.sub(r"(?<=//)[^/]*@", f"{MASK}@", str(value))
        token = self.telegram_token.get_secret_value() if self.telegram_token else ""
        for secret in filter(None, (token, token.partition(":")[2])):  # many a webhook's path is the token
            text = text.replace(secret, MASK)
        return text


def load_settings() -> Settings:
    """Read the settings; SettingsError names the first wrong variable and never shows its value."""
    try:
        return Settings(_secrets_dir=SECRET_FILES if SECRET_FILES.is_dir() else None)
    except ValidationError as error:
        raise SettingsError(_line(error)) from None
    except OSError as error:
        raise SettingsError(f"the settings in {error.filename} cannot be read ({error.strerror})") from None
    except (SourceError, UnicodeDecodeError):
        raise SettingsError(f"the settings: .env, or a file in {SECRET_FILES}, is not text in UTF-8") from None


def _line(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    message = first["msg"].removeprefix("Value error, ")
    if not first["loc"]:  # a rule over several settings names them itself
        return message
    return f"{PREFIX}{str(first['loc'][0]).upper()}: {message[0].lower()}{message[1:]}"
