"""The whole stack of a state folder: embedded AWS, sources, data plane, Airflow."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from include.laptop import airflow, sources
from include.local_aws import stack as aws
from include.local_aws.supervisor import Service

ROOT = Path(__file__).resolve().parents[2]
TILLS_DATABASE = "tills"
TILLS_USER = "lake_reader"
AIRFLOW_ROLE = "retail-lake-local-airflow"
"""Where policies are enforced, Airflow acts in the data plane's role for it."""


@dataclass(frozen=True)
class Laptop:
    """Everything that `make up` starts, below one folder."""

    folder: Path
    aws: aws.Stack
    sources: sources.Sources
    airflow: airflow.Airflow

    @property
    def deployment(self) -> Path:
        """Where the deploy command writes the stack's outputs."""
        return self.folder / "deployment.json"

    def services(self) -> list[Service]:
        """The services and one-time tasks in the order in which they start."""
        exports = self.aws.exports()
        state = ("--state", str(self.folder))
        deploy = aws.python(
            "include.infrastructure.deploy",
            environment="local",
            deployment=self.deployment,
            tills_host=exports["LOCAL_RDS_HOST"],
            tills_port=exports["LOCAL_RDS_PORT"],
            tills_database=TILLS_DATABASE,
            tills_user=TILLS_USER,
            tills_ssl_mode="disable",  # the embedded PostgreSQL is on the loopback, without a key
            customers_engine="postgres",
            customers_host=exports["LOCAL_RDS_HOST"],
            customers_port=exports["LOCAL_RDS_PORT"],
            customers_database=sources.CUSTOMERS_DATABASE,
            customers_user=sources.CUSTOMERS_USER,
            customers_ssl_mode="disable",
            marketplace_url=self.sources.marketplace_url,
        )
        passwords = {
            "TILLS_PASSWORD": self.tills_password,
            "CUSTOMERS_PASSWORD": self.sources.customers_password,
            "MARKETPLACE_TOKEN": self.sources.marketplace_token,
        }
        task = [sys.executable, "-m", "include.laptop"]
        return [
            *self.aws.services(),
            self.sources.marketplace(),
            Service("databases", [*task, "databases", *state], exports, task=True, cwd=ROOT),
            Service("deploy", deploy, {**exports, **passwords}, task=True, seconds=180, cwd=ROOT),
            Service("install", [*task, "install", *state], exports, task=True, cwd=ROOT),
            *self.airflow.services(
                self.aws.exports_of(AIRFLOW_ROLE) if self.aws.enforced else exports
            ),
        ]

    @property
    def tills_password(self) -> str:
        """Of the read-only user that the extract logs in with."""
        return self.airflow.keys["password"]

    def outputs(self) -> dict[str, str]:
        """The data-plane stack's outputs.

        Raises:
            SystemExit: If nothing is deployed yet.
        """
        if not self.deployment.exists():
            sys.exit("nothing is deployed here yet: run `make up`")
        outputs: dict[str, str] = json.loads(self.deployment.read_text())["outputs"]
        return outputs

    def exports(self) -> dict[str, str]:
        """What `make env` prints."""
        outputs = self.outputs()
        rds = self.aws.exports()
        return {
            **self.aws.exports(),
            "LAKE_BUCKET": outputs["LakeBucket"],
            "RESULTS_BUCKET": outputs["ResultsBucket"],
            "SCRIPTS_BUCKET": outputs["ScriptsBucket"],
            "PIPELINE_WORKGROUP": outputs["PipelineWorkgroup"],
            "ANALYSTS_WORKGROUP": outputs["AnalystsWorkgroup"],
            "ALERT_TOPIC_ARN": outputs["AlertTopicArn"],
            "POSTGRES_URL": "postgresql://{}:{}@{}:{}/{}".format(
                rds["LOCAL_RDS_USER"],
                rds["LOCAL_RDS_PASSWORD"],
                rds["LOCAL_RDS_HOST"],
                rds["LOCAL_RDS_PORT"],
                TILLS_DATABASE,
            ),
            "MARKETPLACE_URL": self.sources.marketplace_url,
            "MARKETPLACE_TOKEN": self.sources.marketplace_token,
            "AIRFLOW_URL": self.airflow.url,
            "AIRFLOW_USER": airflow.USER,
            "AIRFLOW_PASSWORD": self.airflow.keys["password"],
        }


def at(folder: Path) -> Laptop:
    """The stack of a state folder."""
    local = aws.at(folder / "aws")
    return Laptop(
        folder,
        local,
        sources.at(folder / "sources"),
        airflow.at(folder / "airflow", _airflow_python(), _server(local)),
    )


def before_start(folder: Path) -> Laptop:
    """The stack of a folder that is about to start, on ports that are free."""
    aws.before_start(folder / "aws")
    sources.before_start(folder / "sources")
    airflow.before_start(folder / "airflow")
    return at(folder)


def _airflow_python() -> Path:
    return ROOT / ".venv" / "bin" / "python"


def _server(local: aws.Stack) -> Mapping[str, str]:
    exports = local.exports()
    return {
        name: exports[f"LOCAL_RDS_{name.upper()}"] for name in ("host", "port", "user", "password")
    }
