"""Puts Retail Lake into an account: stack, files, tables, views, the empty pointer.

    python -m include.infrastructure.deploy --environment prod --tills-host db.example.internal
        --customers-host crm.example.internal --marketplace-url https://api.example.com

Repeatable: what is as wanted is left alone, and a published release stays published. AWS and the
laptop are deployed to by this same command; only the endpoint variables (`AWS_ENDPOINT_URL`,
`AWS_ENDPOINT_URL_GLUE`, `AWS_ENDPOINT_URL_ATHENA`) and the parameter values differ. What is secret
is read from the variables `TILLS_PASSWORD`, `CUSTOMERS_PASSWORD` and `MARKETPLACE_TOKEN`, so that
no process list shows it.
"""

import argparse
import json
import os
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from include.infrastructure import bundle, classifiers, rulesets, stack, tables
from include.infrastructure.bundle import DEPLOYMENT, ROOT, BundleError
from include.infrastructure.stack import DeploymentError, Say
from include.infrastructure.upload import upload
from include.lake import catalog, contracts, deployment, marts, views

TEMPLATE = Path(__file__).with_name("data_plane.yaml")
# named in the scripts bucket; the Airflow environment's DagS3Path, PluginsS3Path, … lie below it
MWAA_PREFIX = "mwaa/"
GLUE_PREFIX = "jobs/"
# parameters of mwaa_environment.yaml: MWAA installs a version of these, not the newest
VERSIONED = ("plugins.zip", "requirements.txt", "startup.sh")

# the template's parameters that have an option of their own, and those that are secret
OPTIONS = {
    "TillsHost": "host of the tills' PostgreSQL (first deployment)",
    "TillsPort": "its port (5432)",
    "TillsDatabase": "its database (tills)",
    "TillsUser": "user of the extracts (lake_reader)",
    "TillsSslMode": "disable, prefer or require (require)",
    "CustomersEngine": "mysql or postgres, what holds the customers (mysql)",
    "CustomersHost": "host of the customers' database (first deployment)",
    "CustomersPort": "its port (3306)",
    "CustomersDatabase": "its database (customers)",
    "CustomersUser": "user of the extracts (customers_reader)",
    "CustomersSslMode": "disable, prefer or require (require)",
    "MarketplaceUrl": "address of the marketplace's API (first deployment)",
    "AlertEmail": "address that gets the alerts",
}
VARIABLES = {
    "TillsPassword": "TILLS_PASSWORD",
    "CustomersPassword": "CUSTOMERS_PASSWORD",
    "MarketplaceToken": "MARKETPLACE_TOKEN",
}


def deploy(
    environment: str,
    parameters: Mapping[str, str],
    deployment_file: Path,
    say: Say,
    *,
    dry_run: bool = False,
) -> dict[str, str]:
    """Deploys everything and writes `deployment.json`.

    Args:
        environment: name of the environment, part of every resource's name.
        parameters: template parameters to set; others keep their value.
        deployment_file: where the stack's outputs go.
        say: receives one line per step.
        dry_run: print what would change in the stack, and change nothing.

    Returns:
        The stack's outputs.

    Raises:
        DeploymentError: something failed; the message names it and the reason.
        BundleError: something that must be shipped is missing.
    """
    session = boto3.Session()
    if not session.region_name:
        raise DeploymentError("no region: set AWS_DEFAULT_REGION or a profile that has one.")
    name = f"retail-lake-{environment}"
    outputs = stack.apply(
        _client(session, "cloudformation"),
        name,
        TEMPLATE.read_text(),
        {**parameters, "Environment": environment},
        say,
        tags={"Application": "retail-lake", "Environment": environment},
        dry_run=dry_run,
    )
    if dry_run:
        return outputs
    _write_deployment(deployment_file, name, session.region_name, outputs)
    say(f"{deployment_file}: written")
    s3 = _client(session, "s3")
    scripts = outputs["ScriptsBucket"]
    upload(s3, scripts, GLUE_PREFIX, bundle.glue_files(ROOT), say)
    mwaa = bundle.mwaa_files(ROOT, deployment_file)
    upload(s3, scripts, MWAA_PREFIX, {f"{MWAA_PREFIX}{path}": mwaa[path] for path in mwaa}, say)
    for path in VERSIONED:
        version = s3.head_object(Bucket=scripts, Key=f"{MWAA_PREFIX}{path}")["VersionId"]
        say(f"{MWAA_PREFIX}{path}: version {version}")
    lake = contracts.load_lake()
    lake_marts = marts.load_marts()
    deployed = deployment.load(deployment_file)
    wanted = catalog.tables(lake, lake_marts, deployed)
    glue = _client(session, "glue")
    tables.apply_tables(glue, s3, wanted, say)
    classifiers.apply_classifiers(glue, outputs["CrawlerName"], lake, say)
    rulesets.apply_rulesets(glue, name, lake, lake_marts, say)
    athena, workgroup = _client(session, "athena"), outputs["PipelineWorkgroup"]
    tables.apply_views(athena, views.views(lake, lake_marts), workgroup, say)
    history = views.history_views(lake, lake_marts)
    tables.apply_views(athena, history, workgroup, say, views.history_database(lake))
    return outputs


def _client(session: boto3.Session, service: str) -> Any:
    retries = Config(retries={"mode": "adaptive", "total_max_attempts": 10})
    return session.client(service, config=retries)


def _write_deployment(path: Path, name: str, region: str, outputs: Mapping[str, str]) -> None:
    text = json.dumps({"stack": name, "region": region, "outputs": outputs}, indent=2)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(text + "\n")
    fresh.replace(path)


def _arguments(arguments: Iterable[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="deploy",
        description="Deploy Retail Lake's data plane, files, tables and views.",
        epilog="The variables TILLS_PASSWORD and CUSTOMERS_PASSWORD hold those users' passwords. "
        "Without them the first deployment generates some: set them in the databases from the "
        "secrets retail-lake/<environment>/tills and /customers. MARKETPLACE_TOKEN holds the "
        "token of the marketplace's API.",
    )
    parser.add_argument("--environment", required=True, help="for example dev or prod")
    for name, text in OPTIONS.items():
        parser.add_argument(_option(name), dest=name, metavar="VALUE", help=text)
    parser.add_argument(
        "--parameter",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="any other parameter of data_plane.yaml; repeatable",
    )
    parser.add_argument(
        "--deployment", type=Path, default=DEPLOYMENT, help="deployment.json to write"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="print the stack's changes, make none"
    )
    return parser.parse_args(None if arguments is None else list(arguments))


def _parameters(options: argparse.Namespace, variables: Mapping[str, str]) -> dict[str, str]:
    """Template parameters from the options and variables that are given."""
    parameters = {
        **{name: getattr(options, name) for name in OPTIONS},
        **{name: variables.get(variable) for name, variable in VARIABLES.items()},
    }
    for pair in options.parameter:
        name, equals, value = pair.partition("=")
        if not equals:
            raise DeploymentError(f"--parameter {pair}: write it as NAME=VALUE.")
        parameters[name] = value
    return {name: value for name, value in parameters.items() if value is not None}


def _option(parameter: str) -> str:
    """`TillsHost` as `--tills-host`."""
    return "--" + re.sub(r"(?<!^)(?=[A-Z])", "-", parameter).lower()


def main(arguments: Iterable[str] | None = None) -> int:
    """Deploys; prints a line per step, or the reason why it stopped."""
    options = _arguments(arguments)

    def say(line: str) -> None:
        print(line, flush=True)

    try:
        deploy(
            options.environment,
            _parameters(options, os.environ),
            options.deployment,
            say,
            dry_run=options.dry_run,
        )
    except (DeploymentError, BundleError) as error:
        print(f"deploy: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
