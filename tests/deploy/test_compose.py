"""What docker-compose.yml, the Dockerfile and setup.sh promise, as far as it can be seen without an engine."""

import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.settings import Settings
from tests.processes import ROOT
from tests.telegram_api import TOKEN

COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text("utf-8")


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_few_rights_and_an_end_to_its_memory(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "mem_limit" in service
    assert service.get("privileged") is None
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


@pytest.mark.parametrize("name", ["redis", "gateway", "worker", "trainer"])
def test_what_runs_day_by_day_cannot_write_beside_its_volumes(name: str) -> None:
    assert SERVICES[name]["read_only"] is True


def test_redis_loses_nothing_refuses_when_full_and_is_reached_from_the_mailbox_alone() -> None:
    command = " ".join(SERVICES["redis"]["command"])
    for option in ("--appendonly yes", "--appendfsync always", "--maxmemory-policy noeviction", "--aclfile"):
        assert option in command
    assert SERVICES["redis"]["networks"] == ["mailbox"]
    assert COMPOSE["networks"]["mailbox"]["internal"] is True


def test_workers_can_be_many_and_no_secret_stands_in_an_environment() -> None:
    assert not {"container_name", "ports", "hostname"} & set(SERVICES["worker"])
    for service in SERVICES.values():
        assert not any(
            word in name for name in service.get("environment", {}) for word in ("TOKEN", "SECRET", "REDIS_URL", "CODE")
        )
    assert SERVICES["gateway"]["secrets"] == ["malbeot_telegram_token", "malbeot_redis_url"]
    assert SERVICES["worker"]["secrets"] == ["malbeot_redis_url"], "no token: it has no use for it"


def test_a_worker_may_see_its_longest_decode_through() -> None:
    longest = Settings.model_fields["decode_timeout"].default
    assert int(SERVICES["worker"]["stop_grace_period"].removesuffix("s")) > longest


def test_each_target_is_there_and_runs_as_nobody() -> None:
    user = re.search(r"useradd .*--uid (\d+)", DOCKERFILE)
    assert user
    targets = re.findall(r"^FROM \S+ AS (\w+)$", DOCKERFILE, re.MULTILINE)
    for service in ("gateway", "worker", "trainer"):
        assert SERVICES[service]["build"]["target"] in targets
        stage = DOCKERFILE.partition(f" AS {service}\n")[2].partition("\nFROM")[0]
        assert f"\nUSER {user[1]}\n" in stage, "by number, which Kubernetes asks for"
    assert set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)) - set(targets) - {"pip"} == {"python:3.11-slim"}


def test_compose_files_follow_the_specification() -> None:
    files = [str(ROOT / "docker-compose.yml"), str(ROOT / "deploy" / "smoke.yml")]
    checked = run("check-jsonschema", "--builtin-schema", "vendor.compose-spec", *files)
    assert checked.returncode == 0, checked.stdout


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    looked = run("hadolint", "--no-color", "--failure-threshold", "warning", str(ROOT / "deploy" / "Dockerfile"))
    assert looked.returncode == 0, looked.stdout


def test_a_trainer_is_alone_ends_when_told_to_and_holds_no_reply_up() -> None:
    trainer = SERVICES["trainer"]
    assert trainer["network_mode"] == "none"
    assert trainer["init"] is True, "Python as a container's first process heeds no SIGTERM"
    assert trainer["cpu_shares"] < 1024, "what a container has that says nothing"


def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A program that the virtual environment has."""
    command = [str(Path(sys.executable).with_name(program)), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_setup_makes_the_secrets_that_compose_names_and_keeps_them(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"

    def setup(token: str) -> subprocess.CompletedProcess[str]:
        environment = {"SECRETS": str(folder), "PATH": "/usr/bin:/bin"}
        command = [str(ROOT / "deploy" / "setup.sh")]
        return subprocess.run(command, input=token, env=environment, capture_output=True, text=True, check=False)

    refused = setup("hunter2\n")
    assert (refused.returncode, refused.stderr) == (2, "that is no token: 123456789:AAE…\n")
    assert setup(f"{TOKEN}\n").returncode == 0
    made = {path.name: path.read_text("utf-8") for path in folder.iterdir()}
    assert {secret["file"].rpartition("/")[2] for secret in COMPOSE["secrets"].values()} <= set(made)
    assert made["malbeot_telegram_token"] == f"{TOKEN}\n"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    password = made["malbeot_redis_url"].split(":")[2].partition("@")[0]
    assert re.search(rf"^user malbeot on >{password} .*\+evalsha", made["redis_users"], re.MULTILINE)
    assert "PASSWORD" not in made["redis_users"]
    assert setup("").returncode == 0
    assert {path.name: path.read_text("utf-8") for path in folder.iterdir()} == made, "nothing was made anew"
