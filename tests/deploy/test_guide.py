"""The guide names only what there is."""

import re

import typer

from bot.__main__ import app
from tests.processes import ROOT

GUIDE = (ROOT / "deploy" / "README.md").read_text("utf-8")
SOURCES = "".join(path.read_text("utf-8") for path in (ROOT / "bot").rglob("*.py"))


def test_every_command_is_one() -> None:
    known = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
    called = set(
        re.findall(
            r"(?:python -m bot|run --rm(?: -T)? (?:worker|gateway)|^malbeot|`malbeot) ([a-z]+)\b", GUIDE, re.MULTILINE
        )
    )
    assert called >= {"doctor", "backup", "restore", "migrate"}
    assert called <= known


def test_every_variable_and_every_event_is_one() -> None:
    example = (ROOT / ".env.example").read_text("utf-8")
    for variable in set(re.findall(r"MALBEOT_[A-Z_]+", GUIDE)):
        assert f"\n{variable}=" in example, variable
    events = set(re.findall(r"`([a-z]+_[a-z_]+)`", GUIDE)) | {"gateway_ready", "worker_ready"}
    for event in events:
        assert f'"{event}"' in SOURCES, event


def test_every_link_leads_somewhere() -> None:
    for target, anchor in re.findall(r"\]\((\.\./[^)#]+)(?:#([^)]+))?\)", GUIDE):
        text = (ROOT / "deploy" / target).read_text("utf-8")
        headings = {heading.lower().replace(" ", "-") for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}
        assert not anchor or anchor in headings, f"{target}#{anchor}"
