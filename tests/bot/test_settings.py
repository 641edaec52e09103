"""Settings: where they come from, and what is said of a wrong one."""

import subprocess
import sys
from pathlib import Path

import pytest

from bot import settings as module
from bot.embedded import running
from bot.errors import SettingsError
from bot.settings import Settings, load_settings
from tests.processes import ROOT, environment

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


# Of each setting, values that it must not have; hunter2 stands for what must not be shown.
WRONG: dict[str, list[str]] = {
    "telegram_token": ["hunter2", "1:hunter2/../x", "1:hunter2\n2:b", ":hunter2", "١:hunter2", "1:hunter2é"],
    "telegram_api_url": [
        "hunter2",
        "http://",
        "http://[::1",
        "http://h:hunter2",
        "http://:80",
        "http://h:0",
        "http://h?x",
    ],
    "redis_url": [
        "http://:hunter2@host",
        "redis://",
        "redis://:hunter2/2@host",
        "redis://:hunter2@h:port",
        "redis://:hunter2@[h",
        "rediss://:hunter2@h:99999",
        "redis+cluster://:hunter2@",
        "redis+cluster://:hunter2@h:1,h:99999",
        "redis+cluster://:hunter2@h:1,,h:2",
        "redis+cluster://:hunter2@h:1/3",
        "redis+sentinel://:hunter2@h:1,h:2",
        "redis+sentinel://:hunter2/2@h:1/name",
        "unix+cluster://:hunter2@h:1",
    ],
    "shards": ["hunter2", "0", "-1", "1025", "1.5"],
    "replicas": ["hunter2", "-1", "17"],
    "data_dir": ["hunter2\0", "/hunter2/\udcff"],
    "owner": ["hunter2" * 10, "<hunter2>", "hunter2\nb", "hunter2\x1b[2J", "a\u2028hunter2", "hunter2\udcff", " "],
    "bot_name": ["hunter2" * 10, "hunter2>", "hunter2\rb", "\x07hunter2", "hunter2\udcff", "\t"],
    "webhook_url": ["ftp://hunter2", "https://", "https://a b/hunter2", "https://h/hunter2\n", "https://[hunter2"],
    "webhook_secret": ["hunter2", "hunter2" * 40, "hunter2 hunter2 hunter2", "hunter2-hunter2-hunter2é"],
    "webhook_listen": ["hunter2", "0.0.0.0:99999", "h:0", ":80", "h:-1", "h:8٠", "hun ter2:80", "h:80\n", "h:"],
    "metrics_listen": ["hunter2", "0.0.0.0:99999", "h:0", ":80", "h:8٠", "h:80\n", "h:"],
    "allowed": ["hunter2", "12345, @hunter2", ",", "0", "[12345]", "1" * 17],
    "admins": ["hunter2", "-10012345"],
    "invite_code": ["hunter2", "hunter2 hunter2", "hunter2" * 10, "hunter2-hunter2é"],
    "engine": ["hunter2", "CTRANSLATE2", "tensorflow\n"],
    "checkpoint": ["hunter2\0", "/hunter2/\udcff"],
    "batch_size": ["hunter2", "0", "-1", "1025", "1e3x", "9" * 5000],
    "decode_timeout": ["hunter2", "0", "-1", "nan", "inf", "3601"],
    "max_tries": ["hunter2", "0", "101", "1.5"],
    "claim_ttl": ["hunter2", "0", "0.5", "nan", "inf", "1e400", "3601"],
    "history_exchanges": ["hunter2", "-1", "1001", "99999999999999999999"],
    "history_ttl": ["hunter2", "0", "99999999999999999999"],
    "max_backlog": ["hunter2", "0", "1.5", "99999999999999999999"],
    "max_mailbox": ["hunter2", "-1", "10001"],
    "user_rate": ["hunter2", "-1", "100001"],
    "chat_rate": ["hunter2", "-1", "100001"],
    "log_format": ["hunter2", "TEXT"],
    "log_level": ["hunter2", "debug", "10"],
}
MEANINGLESS = [(name, value) for name, values in WRONG.items() for value in values]


def test_each_setting_is_in_the_table_above_and_in_what_operators_read() -> None:
    assert set(WRONG) == set(Settings.model_fields), "a new setting: say what it must not be"
    readme, example = (ROOT / name for name in ("README.md", ".env.example"))
    for name in Settings.model_fields:
        assert f"| `{name.upper()}` |" in readme.read_text("utf-8")
        assert f"MALBEOT_{name.upper()}=" in example.read_text("utf-8")


def test_each_number_has_a_least_and_a_largest() -> None:
    for name, field in Settings.model_fields.items():
        if field.annotation in (int, float):
            bounds = {
                attribute for limit in field.metadata for attribute in ("ge", "gt", "le") if hasattr(limit, attribute)
            }
            assert len(bounds) == 2, name


@pytest.mark.parametrize(("name", "value"), MEANINGLESS)
def test_a_wrong_value_is_one_line_that_names_the_variable_but_not_the_value(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, value: str
) -> None:
    variable = f"MALBEOT_{name.upper()}"
    if "\0" in value:  # which no environment can hold, but a file can
        (tmp_path / "secrets").mkdir()
        (tmp_path / "secrets" / variable.lower()).write_text(value)
    else:
        monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError) as error:
        load_settings()
    assert error.value.exit_code == 2
    assert str(error.value).startswith(f"{variable}: ")
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 200
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize("name", Settings.model_fields)
def test_each_may_be_missing_or_empty(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    variable = f"MALBEOT_{name.upper()}"
    missing = load_settings().masked()
    monkeypatch.setenv(variable, "")
    assert load_settings().masked() == missing


@pytest.mark.parametrize("command", ["settings", "gateway", "worker", "chat", "all"])
def test_each_command_ends_with_that_line_and_exit_code_2(tmp_path: Path, command: str) -> None:
    wrong = environment(tmp_path, webhook_secret="hunter2", telegram_token=TOKEN)
    run = [sys.executable, "-m", "bot", command]
    done = subprocess.run(run, env=wrong, cwd=tmp_path, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("malbeot: MALBEOT_WEBHOOK_SECRET: ")
    assert done.stderr.count("\n") == 1
    assert "hunter2" not in done.stderr


def test_a_file_that_is_no_text_is_one_line(tmp_path: Path) -> None:
    Path(".env").write_bytes(b"MALBEOT_OWNER=hunter2\xff\n")
    with pytest.raises(SettingsError, match="not text in UTF-8") as error:
        load_settings()
    assert error.value.exit_code == 2
    Path(".env").unlink()
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "malbeot_owner").write_bytes(b"hunter2\xff")
    with pytest.raises(SettingsError, match="not text in UTF-8") as error:
        load_settings()
    assert "hunter2" not in str(error.value)


def test_a_folder_that_is_a_file_is_no_server_that_runs(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert running(tmp_path / "file") is None


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


def test_a_secret_within_an_address_is_masked_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MALBEOT_TELEGRAM_TOKEN", TOKEN)
    monkeypatch.setenv("MALBEOT_TELEGRAM_API_URL", "https://me:hunter2@api.example.org/x")
    monkeypatch.setenv("MALBEOT_WEBHOOK_URL", f"https://example.org/hook/{TOKEN}")
    monkeypatch.setenv("MALBEOT_WEBHOOK_SECRET", "hunter2-hunter2-hunter2")
    masked = load_settings().masked()
    assert masked["MALBEOT_TELEGRAM_API_URL"] == "https://********@api.example.org/x"
    assert masked["MALBEOT_WEBHOOK_URL"] == "https://example.org/hook/********"


def test_ids_are_read_with_commas_or_spaces_and_shown_only_by_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MALBEOT_ALLOWED", " 90071234, -1001234567890 90071234,")
    monkeypatch.setenv("MALBEOT_ADMINS", "90075678")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "malbeot_invite_code").write_text("hunter2-hunter2\n")
    settings = load_settings()
    assert settings.allowed == {90071234, -1001234567890}
    assert settings.admins == {90075678}
    assert settings.invite_code is not None
    assert settings.invite_code.get_secret_value() == "hunter2-hunter2"
    masked = settings.masked()
    assert (masked["MALBEOT_ALLOWED"], masked["MALBEOT_ADMINS"]) == ("2 ids", "1 ids")
    assert not any(word in repr(settings) + str(masked) for word in ("9007", "1234567890", "hunter2"))


def test_ids_that_are_names_are_one_line_that_says_what_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MALBEOT_ADMINS", "@minji")
    with pytest.raises(SettingsError, match=r"^MALBEOT_ADMINS: must be Telegram's ids, as 123456789 or .*not @names$"):
        load_settings()


def test_the_checkpoint_that_ships_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().checkpoint_dir.parts[-2:] == ("model", "pretrained")
    monkeypatch.setenv("MALBEOT_CHECKPOINT", "runs/mine")
    assert load_settings().checkpoint_dir == Path("runs/mine")
