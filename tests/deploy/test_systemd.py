"""The systemd unit: understood by systemd, closed to what it has no use for, and patient when it stops."""

import shutil
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest

from bot.children import WORKER_GRACE
from bot.embedded import STOP_WAIT
from bot.settings import Settings
from bot.supervisor import GATEWAY_GRACE
from tests.processes import ROOT

UNIT = ROOT / "deploy" / "malbeot.service"

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here")


def test_it_stops_as_patiently_as_the_supervisor_does() -> None:
    unit = ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(UNIT, "utf-8")
    service = unit["Service"]
    longest = Settings().decode_timeout + WORKER_GRACE + GATEWAY_GRACE + STOP_WAIT
    assert int(service["TimeoutStopSec"]) > longest
    assert service["KillMode"] == "mixed", "else the server is stopped beside the worker that needs it"
    assert service["ExecStart"].split()[1:] == ["-m", "bot", "all"]


def analyze(unit: Path, *arguments: str) -> str:
    done = subprocess.run(["systemd-analyze", *arguments, str(unit)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The unit as of an installation that is here."""
    text = UNIT.read_text("utf-8").replace("/opt/malbeot/.venv/bin/python", sys.executable)
    (tmp_path / UNIT.name).write_text(text.replace("/opt/malbeot", str(ROOT)), "utf-8")
    return tmp_path / UNIT.name


@needs_systemd
def test_systemd_has_nothing_to_say_against_it(installed: Path) -> None:
    said = analyze(installed, "verify")
    assert [line for line in said.splitlines() if UNIT.name in line] == []


@needs_systemd
def test_it_is_hardened(installed: Path) -> None:
    analyze(
        installed, "security", "--offline=yes", "--threshold=25"
    )  # of 100, where 0 is a service that may do nothing
