"""Settings: where they come from, and what is said of a wrong one."""

from pathlib import Path

import pytest

from bot import settings as module
from bot.errors import SettingsError
from bot.settings import load_settings

TOKEN = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"


@pytest.fixture(autouse=True)
def _a_bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in load_settings().masked():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    monkeypatch.setattr(module, "SECRET_FILES", tmp_path / "secrets")
    monkeypatch.chdir(tmp_path)


def test_nothing_needs_to_be_set(tmp_path: Path) -> None:
    settings = load_settings()
    assert (settings.owner, settings.bot_name, settings.engine) == ("이연준", "말벗", "ctranslate2")
    assert settings.telegram_token is settings.redis_url is settings.webhook_url is None
    assert settings.data_dir == tmp_path / "share" / "malbeot"


def test_environment_before_env_file_before_secret_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "malbeot_telegram_token").write_text(TOKEN + "\n")
    (secrets / "malbeot_owner").write_text("비밀 파일")
    (secrets / "malbeot_bot_name").write_text("비밀 파일")
    Path(".env").write_text("MALBEOT_OWNER=파일\nMALBEOT_BOT_NAME=파일\nOTHERS_BUSINESS=1\n")
    monkeypatch.setenv("MALBEOT_OWNER", "환경")

    settings = load_settings()
    assert (settings.owner, settings.bot_name) == ("환경", "파일")
    assert settings.telegram_token is not None
    assert settings.telegram_token.get_secret_value() == TOKEN


def test_an_empty_value_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in load_settings().masked():
        monkeypatch.setenv(name, "")
    assert load_settings().masked()["MALBEOT_OWNER"] == "이연준"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TELEGRAM_TOKEN", "hunter2"),
        ("TELEGRAM_TOKEN", "1:hunter2/../x"),
        ("TELEGRAM_API_URL", "hunter2"),
        ("REDIS_URL", "http://:hunter2@host"),
        ("OWNER", "hunter2" * 10),
        ("OWNER", "<hunter2>"),
        ("WEBHOOK_URL", "ftp://hunter2"),
        ("WEBHOOK_SECRET", "hunter2"),
        ("WEBHOOK_LISTEN", "hunter2"),
        ("WEBHOOK_LISTEN", "0.0.0.0:99999"),
        ("ENGINE", "hunter2"),
        ("LOG_FORMAT", "hunter2"),
        ("LOG_LEVEL", "hunter2"),
        ("BATCH_SIZE", "hunter2"),
        ("BATCH_SIZE", "0"),
        ("CLAIM_TTL", "0"),
        ("DECODE_TIMEOUT", "nan"),
        ("MAX_TRIES", "0"),
        ("MAX_BACKLOG", "1.5"),
        ("MAX_MAILBOX", "-1"),
        ("HISTORY_EXCHANGES", "-1"),
        ("HISTORY_TTL", "0"),
    ],
)
def test_a_wrong_value_is_one_line_that_names_the_variable_but_not_the_value(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"MALBEOT_{name}", value)
    with pytest.raises(SettingsError) as error:
        load_settings()
    assert error.value.exit_code == 2
    assert str(error.value).startswith(f"MALBEOT_{name}: ")
    assert "\n" not in str(error.value)
    assert "hunter2" not in str(error.value)


def test_a_webhook_needs_its_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MALBEOT_WEBHOOK_URL", "https://example.org/hook")
    with pytest.raises(SettingsError, match=r"^MALBEOT_WEBHOOK_SECRET: "):
        load_settings()


def test_secrets_are_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MALBEOT_TELEGRAM_TOKEN", TOKEN)
    monkeypatch.setenv("MALBEOT_REDIS_URL", "redis://:hunter2@host/0")
    monkeypatch.setenv("MALBEOT_WEBHOOK_SECRET", "hunter2-hunter2-hunter2")
    settings = load_settings()
    masked = settings.masked()
    assert masked["MALBEOT_TELEGRAM_TOKEN"] == masked["MALBEOT_REDIS_URL"] == "********"
    assert masked["MALBEOT_CHECKPOINT"] == ""
    assert masked["MALBEOT_CLAIM_TTL"] == "30.0"
    for shown in (repr(settings), str(masked)):
        assert "hunter2" not in shown
        assert TOKEN not in shown


def test_the_checkpoint_that_ships_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().checkpoint_dir.parts[-2:] == ("model", "pretrained")
    monkeypatch.setenv("MALBEOT_CHECKPOINT", "runs/mine")
    assert load_settings().checkpoint_dir == Path("runs/mine")
