"""The chart: wrong values fail with a message that names them, and what is rendered is what pods may be."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from service.gauges import Gauges
from service.metrics import Metrics
from service.release import RELEASE
from service.settings import Settings

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy" / "helm" / "twelvelead"
HELM = ROOT / ".peers" / "helm-4" / "helm"
RUNBOOKS = ROOT / "docs" / "operation" / "runbooks.md"
CI = sorted((CHART / "ci").glob("*-values.yaml"))
TOOLS = pytest.mark.skipif(not HELM.exists(), reason="helm is not installed: run `make check`")


def template(values: Path, *more: str) -> subprocess.CompletedProcess[str]:
    command = [HELM, "template", "ecg", CHART, "--namespace", "ecg", "--values", values, *more]
    return subprocess.run(command, capture_output=True, text=True)


def manifests(values: Path, *more: str) -> list[dict[str, Any]]:
    done = template(values, *more)
    assert done.returncode == 0, done.stderr
    return [each for each in yaml.safe_load_all(done.stdout) if each]


def pods(of: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the specifications of all pods: of Deployments, the StatefulSet, the Job, the test."""
    found = [each["spec"]["template"]["spec"] for each in of if "template" in each.get("spec", {})]
    return found + [each["spec"] for each in of if each["kind"] == "Pod"]


@TOOLS
@pytest.mark.parametrize(
    "given, named",
    [
        ("api.replicas=two", "replicas"),
        ("worker.atOnce=0", "atOnce"),
        ("dicom.plain=yes", "plain"),
        ("mode=both", "mode"),
        ("image.digest=sha256:12", "digest"),
        ("models.digest=latest", "digest"),
        ("databse.existingSecret=x", "databse"),
        ("api.replica=3", "replica"),
        ("monitoring.rules.p95=3", "p95"),
        ("store.bucket=https://bucket", "bucket"),
        ("access.oidc.issuer=http://login.example.org", "issuer"),
        ("dicom.callers.CART1={10.20.0.0}", "callers"),
        ("database.existingSecret=", "database.existingSecret"),
        ("store.bucket=", "store.bucket"),
        ("tls.existingSecret=", "tls.existingSecret"),
        ("dicom.tls.existingSecret=", "dicom.tls.existingSecret"),
        ("dicom.callers=null", "dicom.callers"),
        ("access.keys=null", "access.keys"),
        ("access.oidc.issuer=https://login.example.org", "access.oidc.audience"),
        ("monitoring.serviceMonitor.enabled=true", "monitoring.serviceMonitor.existingSecret"),
    ],
)
def test_a_wrong_value_is_refused_and_named(given: str, named: str) -> None:
    done = template(CHART / "ci" / "roles-values.yaml", "--set", given)
    assert done.returncode != 0 and named in done.stderr, done.stderr


@TOOLS
def test_all_that_is_missing_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "empty.yaml").write_text("{}")
    told = template(tmp_path / "empty.yaml").stderr
    for named in ("database.existingSecret", "store.bucket", "tls.existingSecret", "access.keys", "dicom.callers"):
        assert named in told


@TOOLS
@pytest.mark.parametrize("values", CI, ids=lambda path: path.stem)
def test_every_pod_is_restricted(values: Path) -> None:
    """Pod Security Standards, 'restricted', and what they do not ask: a read-only root and no token."""
    found = pods(manifests(values))
    assert found
    for pod in found:
        assert pod["automountServiceAccountToken"] is False and pod["enableServiceLinks"] is False
        assert {"hostNetwork", "hostPID", "hostIPC"}.isdisjoint(pod)
        assert all({"hostPath"}.isdisjoint(volume) for volume in pod.get("volumes", ()))
        for container in (*pod.get("initContainers", ()), *pod["containers"]):
            context = container["securityContext"]
            assert context["runAsNonRoot"] is context["readOnlyRootFilesystem"] is True and context["runAsUser"] > 0
            assert context["allowPrivilegeEscalation"] is False and context["capabilities"] == {"drop": ["ALL"]}
            assert context["seccompProfile"] == {"type": "RuntimeDefault"}
            assert {"requests", "limits"} <= set(container["resources"])


@TOOLS
@pytest.mark.parametrize("values", CI, ids=lambda path: path.stem)
def test_every_setting_that_a_pod_is_given_exists_and_no_secret_is_among_them(values: Path) -> None:
    known = {f"TWELVELEAD_{name.upper()}" for name in Settings.model_fields}
    for pod in pods(manifests(values)):
        for container in (*pod.get("initContainers", ()), *pod["containers"]):
            names = [each["name"] for each in container.get("env", ())]
            assert len(names) == len(set(names))
            assert {name for name in names if name.startswith("TWELVELEAD_")} <= known
            assert not [each for each in container.get("env", ()) if "secretKeyRef" in each.get("valueFrom", {})]


@TOOLS
def test_a_dicom_service_keeps_the_callers_address() -> None:
    for name in ("roles", "plain-dicom"):
        services = [each for each in manifests(CHART / "ci" / f"{name}-values.yaml") if each["kind"] == "Service"]
        (dicom,) = [each["spec"] for each in services if each["metadata"]["name"].endswith("-dicom")]
        assert dicom["externalTrafficPolicy"] == "Local"


@TOOLS
def test_nothing_goes_in_or_out_but_what_is_named() -> None:
    """One policy takes in every pod, both ways; with nothing named, nobody calls and names alone are asked."""
    policies = [each for each in manifests(CHART / "ci" / "roles-values.yaml") if each["kind"] == "NetworkPolicy"]
    (default,) = [each["spec"] for each in policies if each["metadata"]["name"] == "ecg-twelvelead"]
    labels = default["podSelector"]["matchLabels"]
    for each in manifests(CHART / "ci" / "roles-values.yaml"):
        template = each.get("spec", {}).get("template", each if each["kind"] == "Pod" else None)
        assert template is None or labels.items() <= template["metadata"]["labels"].items()
    assert set(default["policyTypes"]) == {"Ingress", "Egress"}
    assert [rule["ports"] for rule in default["egress"]] == [
        [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]
    ]
    (api,) = [each["spec"] for each in policies if each["metadata"]["name"] == "ecg-twelvelead-api"]
    assert "ingress" not in api and "Ingress" in api["policyTypes"]
    (dicom,) = [each["spec"] for each in policies if each["metadata"]["name"] == "ecg-twelvelead-dicom"]
    assert dicom["ingress"][0]["from"] == [{"ipBlock": {"cidr": "10.20.0.0/16"}}]


def test_the_chart_is_of_this_release() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["appVersion"] == chart["version"] == RELEASE


def test_every_value_is_described_by_the_schema_and_unknown_ones_are_not_taken() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())

    def same(values: dict[str, Any], described: dict[str, Any], at: str) -> None:
        assert described["additionalProperties"] is False, at
        assert set(values) == set(described["properties"]) - {"global"}, at
        for name, value in values.items():
            inner = described["properties"][name]
            if isinstance(value, dict) and "properties" in inner and value and "resources" not in name:
                same(value, inner, f"{at}.{name}")

    same(yaml.safe_load((CHART / "values.yaml").read_text()), schema, "")


RULES = (CHART / "files" / "rules.yaml").read_text()
ALERTS = re.findall(r"- alert: (\w+)", RULES)


def test_every_metric_in_an_alert_exists() -> None:
    described = [*Metrics().registry.collect(), *Gauges.describe(None)]  # type: ignore[arg-type]  # it describes the class
    known = {each.name for each in described}
    named = set(re.findall(r"\btwelvelead_\w+", RULES))
    assert len(ALERTS) > 10 and {re.sub(r"_(total|bucket)$", "", each) for each in named} <= known


@pytest.mark.parametrize("alert", ALERTS)
def test_every_alert_has_a_runbook_and_a_test_that_drives_it_to_fire(alert: str) -> None:
    assert f"\n## {alert}\n" in RUNBOOKS.read_text()
    assert f"#{alert.lower()}\n" in RULES
    tests = yaml.safe_load((ROOT / "deploy" / "checks" / "rules_test.yaml").read_text())["tests"]
    cases = [case for test in tests for case in test.get("alert_rule_test", ()) if case["alertname"] == alert]
    assert any(case["exp_alerts"] for case in cases) and any(not case["exp_alerts"] for case in cases)
