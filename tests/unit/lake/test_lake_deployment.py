"""Names of resources come from deployment.json or not at all."""

import json
from pathlib import Path
from typing import Any

import pytest

from include.lake.deployment import DeploymentError, load

OUTPUTS = (
    "Environment LakeBucket ResultsBucket ScriptsBucket CrawlerName JobName ExtractJobName "
    "PipelineWorkgroup AnalystsWorkgroup AlertTopicArn TillsSecretId CustomersSecretId "
    "MarketplaceSecretId CustomerTokenKeySecretId AirflowRoleArn GlueJobRoleArn ExtractJobRoleArn "
    "CrawlerRoleArn AnalystRoleArn KmsKeyArn"
)


@pytest.fixture
def document() -> dict[str, Any]:
    return {
        "stack": "retail-lake-local",
        "region": "us-east-1",
        "outputs": {name: f"the {name}" for name in OUTPUTS.split()},
    }


def test_every_output_is_a_field(tmp_path: Path, document: dict[str, Any]) -> None:
    (tmp_path / "deployment.json").write_text(json.dumps(document))
    deployment = load(tmp_path / "deployment.json")
    assert deployment.stack == "retail-lake-local"
    assert deployment.kms_key_arn == "the KmsKeyArn"
    assert deployment.customer_token_key_secret_id == "the CustomerTokenKeySecretId"
    for secret in ("tills", "customers", "marketplace"):
        assert deployment.secret_id(secret) == f"the {secret.capitalize()}SecretId"
    with pytest.raises(DeploymentError, match="no secret nothing"):
        deployment.secret_id("nothing")


def test_missing_file_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(DeploymentError, match="make bundle"):
        load(tmp_path / "deployment.json")


@pytest.mark.parametrize("name", ["stack", "region", "outputs"])
def test_missing_key_is_named(tmp_path: Path, document: dict[str, Any], name: str) -> None:
    del document[name]
    (tmp_path / "d.json").write_text(json.dumps(document))
    with pytest.raises(DeploymentError, match=f"has no '{name}'; write it anew: make bundle"):
        load(tmp_path / "d.json")


@pytest.mark.parametrize("value", ["", None, 7])
def test_output_without_a_name_is_refused(
    tmp_path: Path, document: dict[str, Any], value: object
) -> None:
    document["outputs"]["LakeBucket"] = value
    (tmp_path / "d.json").write_text(json.dumps(document))
    with pytest.raises(DeploymentError, match="lake_bucket is"):
        load(tmp_path / "d.json")
    del document["outputs"]["LakeBucket"]
    (tmp_path / "d.json").write_text(json.dumps(document))
    with pytest.raises(DeploymentError, match="has no 'LakeBucket'"):
        load(tmp_path / "d.json")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"stack": "s", "region": "r", "outputs": []}'])
def test_damaged_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "d.json").write_text(text)
    with pytest.raises(DeploymentError, match="is damaged"):
        load(tmp_path / "d.json")
