"""With policies enforced, Airflow's processes have the credentials of its role and no others."""

from pathlib import Path

import pytest

from include.laptop import stack
from include.local_aws.stack import ENFORCE

KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
AIRFLOWS = {"airflow-database", "scheduler", "dag-processor", "triggerer", "api-server"}


def environments(folder: Path) -> dict[str, dict[str, str]]:
    return {service.name: dict(service.env) for service in stack.at(folder).services()}


def test_airflow_acts_in_its_role_where_policies_are_enforced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENFORCE, "1")
    found = environments(tmp_path)
    template = (stack.ROOT / "include" / "infrastructure" / "data_plane.yaml").read_text()
    assert "RoleName: !Sub retail-lake-${Environment}-airflow\n" in template
    for name in AIRFLOWS:
        assert [found[name][key] for key in KEYS] == ["", ""]
        asked = found[name]["AWS_CONTAINER_CREDENTIALS_FULL_URI"]
        assert asked.endswith("/_local_aws/credentials/retail-lake-local-airflow")
    assert [found["deploy"][key] for key in KEYS] == ["test", "test"]


def test_without_policies_there_are_only_the_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(ENFORCE, raising=False)
    found = environments(tmp_path)
    for name in AIRFLOWS:
        assert [found[name][key] for key in KEYS] == ["test", "test"]
        assert "AWS_CONTAINER_CREDENTIALS_FULL_URI" not in found[name]
