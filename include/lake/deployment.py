"""The names of the deployed resources, from the file that the deployment wrote.

Nothing else differs between the laptop and AWS, so DAGs take every name from here.
"""

import json
from dataclasses import dataclass, fields
from importlib.resources.abc import Traversable

from include.lake.shipped import shipped


class DeploymentError(RuntimeError):
    """``deployment.json`` is missing or incomplete; the message says what to run."""


@dataclass(frozen=True)
class Deployment:
    """One deployed stack; a field per stack output, in snake_case."""

    stack: str
    region: str
    environment: str
    lake_bucket: str
    results_bucket: str
    scripts_bucket: str
    crawler_name: str
    job_name: str
    extract_job_name: str
    pipeline_workgroup: str
    analysts_workgroup: str
    alert_topic_arn: str
    tills_secret_id: str
    customers_secret_id: str
    marketplace_secret_id: str
    customer_token_key_secret_id: str
    airflow_role_arn: str
    glue_job_role_arn: str
    extract_job_role_arn: str
    crawler_role_arn: str
    analyst_role_arn: str
    kms_key_arn: str

    def secret_id(self, name: str) -> str:
        """The Secrets Manager id of a contract's ``source.secret``, e.g. ``tills``.

        Raises:
            DeploymentError: the stack has no such secret.
        """
        found = getattr(self, f"{name}_secret_id", None)
        if found is None:
            raise DeploymentError(
                f"stack {self.stack} has no secret {name}; add it to the template"
            )
        return str(found)


def load(path: Traversable | None = None) -> Deployment:
    """The deployment described in ``include/deployment.json``.

    Raises:
        DeploymentError: the file is missing, is not JSON, or lacks a name.
    """
    file = shipped("include", "deployment.json") if path is None else path
    if not file.is_file():
        raise DeploymentError(f"{file} is missing; deploy first (make up, or make bundle for MWAA)")
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        given = {"stack": document["stack"], "region": document["region"]}
        outputs = document["outputs"]
        for item in fields(Deployment):
            if item.name not in given:
                given[item.name] = outputs[_output(item.name)]
    except (ValueError, TypeError) as error:
        raise DeploymentError(f"{file} is damaged ({error}); write it anew: make bundle") from error
    except KeyError as error:
        raise DeploymentError(f"{file} has no {error}; write it anew: make bundle") from error
    for name, value in given.items():
        if not isinstance(value, str) or not value:
            raise DeploymentError(f"{file}: {name} is {value!r}; write it anew: make bundle")
    return Deployment(**given)


def _output(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))
