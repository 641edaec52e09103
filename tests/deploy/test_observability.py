"""Alerts and the dashboard, held against what a gateway and a worker really serve."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from redis.asyncio import Redis

from bot import texts
from tests.bot.test_gateway import gateway, settings
from tests.bot.test_health import asking, until_ready
from tests.bot.test_webhook import free_port
from tests.checkpoints import random_checkpoint
from tests.processes import ROOT, running
from tests.telegram_api import TelegramApi

FOLDER = ROOT / "deploy" / "observability"
RULES = [
    rule for group in yaml.safe_load((FOLDER / "alerts.yml").read_text("utf-8"))["groups"] for rule in group["rules"]
]
PANELS = json.loads((FOLDER / "grafana" / "dashboard.json").read_text("utf-8"))["panels"]
FOREIGN = {"up"}  # Prometheus' own
NOBODY = {"chat", "chat_id", "user", "person", "address", "text", "message", "token", "origin", "update_id"}


def queries() -> Iterable[tuple[str, str]]:
    """Each with where it stands."""
    yield from ((rule["alert"], rule["expr"]) for rule in RULES)
    yield from ((panel["title"], target["expr"]) for panel in PANELS for target in panel["targets"])


def names(query: str) -> set[str]:
    """The metrics of a query: words that are no label, no function and no keyword."""
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\b(?:by|on|group_left|without)\s*\([^)]*\)", "", query)
    return set(re.findall(r"\b(?:malbeot|process|redis|go|up)(?:_\w+)?\b(?!\s*\()", bare))


@pytest.fixture
async def scraped(redis: Redis, redis_url: str, tmp_path: Path) -> str:
    """What both processes serve after a message each of theirs."""
    first, second = free_port(), free_port()
    checkpoint = random_checkpoint(tmp_path / "checkpoint")
    async with (
        TelegramApi() as telegram,
        gateway(settings(telegram, metrics_listen=f"127.0.0.1:{first}"), redis),
        running(
            "worker",
            tmp_path,
            redis_url=redis_url,
            checkpoint=str(checkpoint),
            metrics_listen=f"127.0.0.1:{second}",
        ),
        asking(first) as of_gateway,
        asking(second) as of_worker,
    ):
        await until_ready(of_worker)
        telegram.say(7, "안녕")
        telegram.say(8, "/help")
        await telegram.until(lambda: telegram.texts(7) and telegram.texts(8) == [texts.help_text()], timeout=60)
        return (await of_gateway.get("/metrics")).text + (await of_worker.get("/metrics")).text


async def test_every_query_asks_for_what_is_served_and_what_is_served_names_nobody(scraped: str) -> None:
    families = list(text_string_to_metric_families(scraped))
    served = {family.name for family in families} | {sample.name for family in families for sample in family.samples}
    # A counter with labels, or one that has not been counted, still has its family.
    served |= {f"{family.name}_total" for family in families if family.type == "counter"}
    asked = {name: where for where, query in queries() for name in names(query)}
    assert {name: where for name, where in asked.items() if name not in served | FOREIGN} == {}
    ours = [family for family in families if family.name.startswith("malbeot_")]
    assert ours
    for family in ours:
        assert family.documentation.endswith("."), family.name
        assert family.documentation.isascii()
    labels = {label for family in families for sample in family.samples for label in sample.labels}
    assert not labels & NOBODY
    # And nothing that is served goes unseen.
    looked_at = {re.sub(r"_(total|bucket|count|sum|info)$", "", name) for name in asked}
    assert {family.name for family in ours} - looked_at - {f"{name}_info" for name in looked_at} == set()


def test_each_query_names_a_metric() -> None:
    assert all(names(query) for _, query in queries())


def test_each_alert_says_what_to_do_first() -> None:
    for rule in RULES:
        assert set(rule["annotations"]) == {"summary", "runbook"}, rule["alert"]
        assert rule["labels"]["severity"] in ("critical", "warning")


def test_each_alert_has_a_case_in_which_it_fires() -> None:
    cases = yaml.safe_load((FOLDER / "alerts_test.yml").read_text("utf-8"))["tests"]
    fired = {rule["alertname"] for case in cases for rule in case.get("alert_rule_test", ()) if rule["exp_alerts"]}
    assert fired == {rule["alert"] for rule in RULES}


@pytest.mark.parametrize(
    "arguments",
    [["check", "config", "prometheus.yml"], ["test", "rules", "alerts_test.yml"]],
    ids=["configuration", "rules"],
)
def test_promtool_agrees(arguments: list[str]) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian: apt install prometheus)")
    done = subprocess.run([promtool, *arguments], cwd=FOLDER, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_dashboard_has_a_source_of_its_own_and_no_panel_over_another() -> None:
    [source] = yaml.safe_load(
        (FOLDER / "grafana" / "provisioning" / "datasources" / "prometheus.yml").read_text("utf-8")
    )["datasources"]
    assert {panel["datasource"]["uid"] for panel in PANELS} == {source["uid"]}
    cells = [
        (x, y)
        for panel in PANELS
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
