"""What deploy/kubernetes promises, as far as it can be seen without a cluster."""

import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot import health
from bot.metrics import GatewayMetrics, WorkerMetrics
from bot.settings import MASK, PREFIX, Settings, load_settings
from tests.processes import ROOT
from tests.telegram_api import TOKEN

FOLDER = ROOT / "deploy" / "kubernetes"
FILES = sorted(path for path in FOLDER.rglob("*") if path.is_file())
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))["services"]
CONTENTS = {"malbeot_telegram_token": TOKEN, "malbeot_redis_url": "redis://malbeot:hunter2@redis:6379/0"}
PRIVATE = {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"}  # the last: where clouds keep credentials
Object = dict[str, Any]


def parsed(folder: str) -> dict[tuple[str, str], Object]:
    """The objects in a folder's files by kind and name."""
    texts = [path.read_text("utf-8") for path in FILES if path.suffix == ".yaml" and path.parent == FOLDER / folder]
    found = [document for text in texts for document in yaml.safe_load_all(text)]
    return {(each["kind"], each.get("metadata", {}).get("name", "")): each for each in found}


BASE = parsed("base")
KEDA = parsed("components/keda")
WEBHOOK = parsed("components/webhook")
roles = pytest.mark.parametrize("role", ["gateway", "worker"])


def pod(role: str) -> Object:
    spec: Object = BASE["Deployment", role]["spec"]["template"]["spec"]
    return spec


def container(role: str) -> Object:
    [only] = pod(role)["containers"]
    return dict(only)


def secrets(role: str) -> dict[str, str]:
    """Files below /run/secrets, and the Secret that each is from."""
    [mount] = [mount for mount in container(role)["volumeMounts"] if mount["mountPath"] == "/run/secrets"]
    [volume] = [volume for volume in pod(role)["volumes"] if volume["name"] == mount["name"]]
    assert mount["readOnly"] is True
    sources = [source["secret"] for source in volume["projected"]["sources"]]
    return {item["path"]: source["name"] for source in sources for item in source["items"]}


def labels(role: str) -> dict[str, str]:
    found: dict[str, str] = BASE["Deployment", role]["spec"]["template"]["metadata"]["labels"]
    return found


def chosen(policy: Object, role: str) -> bool:
    return set(policy["spec"]["podSelector"].get("matchLabels", {}).items()) <= set(labels(role).items())


def test_every_file_can_be_read() -> None:
    for path in FILES:
        if path.suffix == ".yaml":
            assert all(document["kind"] for document in yaml.safe_load_all(path.read_text("utf-8"))), path


@roles
def test_a_pod_has_few_rights_and_an_end_to_its_memory(role: str) -> None:
    assert container(role)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    user = re.search(r"useradd .*--uid (\d+)", (ROOT / "deploy" / "Dockerfile").read_text("utf-8"))
    assert user
    context = pod(role)["securityContext"]
    assert (context["runAsNonRoot"], context["runAsUser"]) == (True, int(user[1]))
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container(role)["resources"]["limits"]["memory"] == COMPOSE[role]["mem_limit"].replace("m", "Mi")
    assert set(container(role)["resources"]["requests"]) == {"cpu", "memory"}
    assert "emptyDir" in {volume["name"]: volume for volume in pod(role)["volumes"]}["tmp"]
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod(role))
    assert BASE["Namespace", "malbeot"]["metadata"]["labels"] == {"pod-security.kubernetes.io/enforce": "restricted"}


@roles
def test_it_may_ask_nothing_of_kubernetes(role: str) -> None:
    assert pod(role)["serviceAccountName"] == "malbeot"
    assert pod(role)["automountServiceAccountToken"] is False
    assert BASE["ServiceAccount", "malbeot"]["automountServiceAccountToken"] is False
    assert not any("Role" in kind for kind, _ in (BASE | KEDA | WEBHOOK))


@roles
def test_it_is_asked_where_it_answers_and_no_faster_than_it_can(role: str) -> None:
    listen = {each["name"]: each["value"] for each in container(role)["env"]}[f"{PREFIX}METRICS_LISTEN"]
    [port] = [port for port in container(role)["ports"] if port["name"] == "metrics"]
    assert listen == f"0.0.0.0:{port['containerPort']}" == "0.0.0.0:9464"
    probes = {probe: container(role)[f"{probe}Probe"] for probe in ("startup", "liveness", "readiness")}
    paths = {probe: asked["httpGet"]["path"] for probe, asked in probes.items()}
    assert paths == {"startup": "/healthz", "liveness": "/healthz", "readiness": "/readyz"}
    assert all(asked["httpGet"]["port"] == "metrics" for asked in probes.values())
    assert probes["readiness"]["timeoutSeconds"] > health.PATIENCE
    alive = probes["liveness"]
    assert alive["periodSeconds"] * alive["failureThreshold"] > Settings.model_fields["decode_timeout"].default


@roles
def test_nothing_stops_before_another_has_started_and_it_may_finish(role: str) -> None:
    spec = BASE["Deployment", role]["spec"]
    assert spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    assert f"{pod(role)['terminationGracePeriodSeconds']}s" == COMPOSE[role]["stop_grace_period"]
    budget = BASE["PodDisruptionBudget", role]["spec"]
    assert budget["maxUnavailable"] < spec["replicas"], "one is always left"
    for selector in (budget["selector"]["matchLabels"], spec["selector"]["matchLabels"]):
        assert selector == labels(role)
    assert BASE["Service", role]["spec"]["selector"] == labels(role)


def test_a_worker_may_see_its_longest_decode_through() -> None:
    longest = Settings.model_fields["decode_timeout"].default
    assert pod("worker")["terminationGracePeriodSeconds"] > longest


@roles
def test_its_secrets_are_those_of_compose_and_are_read_as_the_kubelet_lays_them_out(
    role: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sorted(secrets(role)) == sorted(COMPOSE[role]["secrets"])
    data = tmp_path / "..2026_01_31" / "x"
    data.mkdir(parents=True)
    (tmp_path / "..data").symlink_to(data)
    for name in secrets(role):
        (data / name).write_text(f"{CONTENTS[name]}\n", "utf-8")
        (tmp_path / name).symlink_to(Path("..data") / name)
    monkeypatch.setattr("bot.settings.SECRET_FILES", tmp_path)
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(f"{PREFIX}{name.upper()}", raising=False)
    masked = load_settings().masked()
    assert {name.lower() for name, value in masked.items() if value == MASK} == set(secrets(role))


def test_no_secret_is_a_plain_setting() -> None:
    plain = (FOLDER / "base" / "settings.env").read_text("utf-8")
    hidden = {"TELEGRAM_TOKEN", "REDIS_URL", "WEBHOOK_SECRET", "INVITE_CODE", "ALLOWED", "ADMINS"}
    assert not hidden & set(re.findall(rf"^{PREFIX}(\w+)=", plain, re.MULTILINE))
    assert not any(kind == "Secret" for kind, _ in (BASE | KEDA | WEBHOOK))


def test_every_variable_is_a_setting() -> None:
    for path in FILES:
        for name in re.findall(rf"\b{PREFIX}([A-Z_]+)\b", path.read_text("utf-8")):
            assert name.lower() in Settings.model_fields, f"{path.name}: {name}"


def test_only_the_gateway_gets_out_and_only_to_what_is_not_private() -> None:
    policies = {name: policy for (kind, name), policy in BASE.items() if kind == "NetworkPolicy"}
    assert policies["nothing"]["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    ways = {
        role: {name for name, policy in policies.items() if "egress" in policy["spec"] and chosen(policy, role)}
        for role in ("gateway", "worker")
    }
    assert ways == {"gateway": {"names", "redis", "telegram"}, "worker": {"names", "redis"}}
    [out] = policies["telegram"]["spec"]["egress"]
    assert out["ports"] == [{"protocol": "TCP", "port": 443}]
    assert all(peer["ipBlock"]["except"] for peer in out["to"])
    assert set(out["to"][0]["ipBlock"]["except"]) >= PRIVATE
    assert {port["port"] for rule in policies["names"]["spec"]["egress"] for port in rule["ports"]} == {53}
    assert {port["port"] for rule in policies["redis"]["spec"]["egress"] for port in rule["ports"]} == {
        6379,
        6380,
        26379,
    }
    ways_in = [policy["spec"]["ingress"] for policy in policies.values() if "ingress" in policy["spec"]]
    monitoring = [{"namespaceSelector": {"matchLabels": {"purpose": "monitoring"}}}]
    assert ways_in == [[{"from": monitoring, "ports": [{"protocol": "TCP", "port": "metrics"}]}]]


def test_workers_are_scaled_by_what_is_served_and_never_away() -> None:
    spec = KEDA["ScaledObject", "worker"]["spec"]
    assert ("Deployment", spec["scaleTargetRef"]["name"]) in BASE
    assert 1 < spec["minReplicaCount"] < spec["maxReplicaCount"]
    families = [family for metrics in (GatewayMetrics(), WorkerMetrics()) for family in metrics.registry.collect()]
    served = {family.name for family in families} | {sample.name for family in families for sample in family.samples}
    asked = [set(re.findall(r"\bmalbeot_\w+", trigger["metadata"]["query"])) for trigger in spec["triggers"]]
    assert asked[0] == {"malbeot_backlog_messages"}
    assert asked[1] == {"malbeot_backlog_messages", "malbeot_oldest_message_age_seconds"}
    assert set.union(*asked) <= served
    assert f"> bool {Settings.model_fields['batch_size'].default})" in spec["triggers"][1]["metadata"]["query"]
    for trigger in spec["triggers"]:
        assert trigger["metadata"]["ignoreNullValues"] == "false", "not to know is no reason to send workers away"


NAN = "NaN NaN NaN"


@pytest.mark.parametrize(
    ("backlogs", "ages", "asked_for"),
    [
        (["500x3", NAN], ["20x3", NAN], [500, 20]),  # one gateway has lost Redis: the other knows
        (["3x3"], ["90x3"], [3, 0]),  # one chat is being tried again
        (["0x3"], ["0x3"], [0, 0]),
        ([NAN], [NAN], [None, None]),
        ([], [], [None, None]),
    ],
    ids=["busy", "one chat", "idle", "no Redis", "no gateway"],
)
def test_the_queries_say_nothing_where_nobody_knows(
    backlogs: list[str], ages: list[str], asked_for: list[int | None], tmp_path: Path
) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian: apt install prometheus)")
    series = {"malbeot_backlog_messages": backlogs, "malbeot_oldest_message_age_seconds": ages}
    queries = [trigger["metadata"]["query"] for trigger in KEDA["ScaledObject", "worker"]["spec"]["triggers"]]
    case = {
        "interval": "15s",
        "input_series": [
            {"series": f'{name}{{gateway="{number}"}}', "values": values}
            for name, each in series.items()
            for number, values in enumerate(each)
        ],
        "promql_expr_test": [
            {
                "expr": query,
                "eval_time": "30s",
                "exp_samples": [] if value is None else [{"labels": "{}", "value": value}],
            }
            for query, value in zip(queries, asked_for, strict=True)
        ],
    }
    (tmp_path / "test.yml").write_text(yaml.safe_dump({"rule_files": [], "tests": [case]}), "utf-8")
    done = subprocess.run(
        [promtool, "test", "rules", "test.yml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def kustomized(folder: Path) -> dict[tuple[str, str], Object]:
    """What `kubectl apply -k` would send."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("no kubectl here")
    version = subprocess.run(
        [kubectl, "version", "--client", "-o", "json"], capture_output=True, text=True, check=False
    )
    if not re.match("v[5-9]", json.loads(version.stdout).get("kustomizeVersion", "")):
        pytest.skip("kubectl is older than kustomize 5")
    made = subprocess.run([kubectl, "kustomize", str(folder)], capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    assert not made.stderr, "no warning"
    return {(each["kind"], each["metadata"]["name"]): each for each in yaml.safe_load_all(made.stdout)}


def settings_of(made: dict[tuple[str, str], Object]) -> tuple[str, dict[str, str]]:
    [(name, found)] = [(name, each["data"]) for (kind, name), each in made.items() if kind == "ConfigMap"]
    return name, found


def test_the_base_stands_in_its_namespace_with_images_of_this_release() -> None:
    made = kustomized(FOLDER / "base")
    release = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert all(each["metadata"]["namespace"] == "malbeot" for (kind, _), each in made.items() if kind != "Namespace")
    name, found = settings_of(made)
    assert found["MALBEOT_BOT_NAME"] == "말벗"
    for role in ("gateway", "worker"):
        [only] = made["Deployment", role]["spec"]["template"]["spec"]["containers"]
        assert only["image"] == f"malbeot-{role}:{release}"
        assert only["envFrom"] == [{"configMapRef": {"name": name}}]


def test_with_keda_nobody_else_says_how_many_workers() -> None:
    made = kustomized(FOLDER / "overlays" / "keda")
    assert "replicas" not in made["Deployment", "worker"]["spec"]
    assert made["Deployment", "gateway"]["spec"]["replicas"] == 2
    assert made["ScaledObject", "worker"]["metadata"]["namespace"] == "malbeot"


def test_the_webhook_is_reached_through_its_ingress() -> None:
    made = kustomized(FOLDER / "overlays" / "webhook")
    _, found = settings_of(made)
    [rule] = made["Ingress", "webhook"]["spec"]["rules"]
    [path] = rule["http"]["paths"]
    assert f"https://{rule['host']}{path['path']}" == found["MALBEOT_WEBHOOK_URL"]
    assert path["backend"]["service"]["name"] == "webhook"
    gateway = made["Deployment", "gateway"]["spec"]["template"]["spec"]
    ports = {port["name"]: port["containerPort"] for port in gateway["containers"][0]["ports"]}
    assert found["MALBEOT_WEBHOOK_LISTEN"] == f"0.0.0.0:{ports['webhook']}"
    assert made["Service", "webhook"]["spec"]["ports"][0]["targetPort"] == "webhook"
    files = [item["path"] for each in gateway["volumes"][0]["projected"]["sources"] for item in each["secret"]["items"]]
    assert files == ["malbeot_telegram_token", "malbeot_redis_url", "malbeot_webhook_secret"]
    worker = made["Deployment", "worker"]["spec"]["template"]["spec"]
    assert "webhook" not in json.dumps(worker)


def test_what_the_guide_has_one_write_holds(tmp_path: Path) -> None:
    guide = (FOLDER / "README.md").read_text("utf-8")
    shutil.copytree(FOLDER, tmp_path / "kubernetes")
    mine = tmp_path / "kubernetes" / "mine"
    mine.mkdir()
    (mine / "kustomization.yaml").write_text(guide.partition("```yaml\n")[2].partition("```")[0], "utf-8")
    made = kustomized(mine)
    _, found = settings_of(made)
    assert found["MALBEOT_WEBHOOK_URL"] == "https://…/telegram"
    assert (found["MALBEOT_OWNER"], found["MALBEOT_BOT_NAME"]) == ("…", "말벗")
    assert found["MALBEOT_WEBHOOK_LISTEN"] == "0.0.0.0:8080"
    assert {("ScaledObject", "worker"), ("Ingress", "webhook")} <= set(made)
    [only] = made["Deployment", "gateway"]["spec"]["template"]["spec"]["containers"]
    assert only["image"].startswith("registry.example.org/malbeot-gateway:")


def test_the_guide_is_short_and_every_link_leads_somewhere() -> None:
    guide = (FOLDER / "README.md").read_text("utf-8")
    assert len(guide.splitlines()) <= 40
    for target in re.findall(r"\]\(([^)#]+)", guide):
        assert (FOLDER / target).is_file(), target
