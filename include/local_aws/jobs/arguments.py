"""The arguments of a run: which the script gets, and which Glue itself acts on.

Names and meaning: AWS Glue Developer Guide, "Using job parameters in AWS Glue jobs".
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement

# Glue takes these for itself and they change nothing on one machine.
WITHOUT_EFFECT = frozenset(
    {
        "--auto-scale-within-microbatch",
        "--continuous-log-conversionPattern",
        "--continuous-log-logGroup",
        "--continuous-log-logStreamPrefix",
        "--customer-executor-env-vars",
        "--disable-proxy-v2",
        "--enable-auto-scaling",
        "--enable-continuous-cloudwatch-log",
        "--enable-continuous-log-filter",
        "--enable-glue-datacatalog",
        "--enable-job-insights",
        "--enable-metrics",
        "--enable-observability-metrics",
        "--enable-rename-algorithm-v2",
        "--enable-s3-parquet-optimized-committer",
        "--enable-spark-ui",
        "--executor-cores",
        "--job-mode",
        "--python-modules-installer-option",
        "--scriptLocation",
        "--spark-event-logs-path",
        "--user-jars-first",
        "--write-shuffle-files-to-s3",
        "--write-shuffle-spills-to-s3",
    }
)
REFUSED = {
    "--class": "Scala jobs cannot run here",
    "--datalake-formats": "the Iceberg, Delta and Hudi libraries are not installed here",
    "--enable-lakeformation-fine-grained-access": "Lake Formation is not part of the local AWS",
}


class ArgumentError(ValueError):
    """An argument that cannot be honoured; the run fails with this message."""


@dataclass(frozen=True)
class RunArguments:
    """The arguments of one run, sorted out.

    Attributes:
        script: What follows the script's name in `sys.argv`.
        spark: Spark configuration from `--conf`.
        python_files: S3 addresses of `--extra-py-files`.
        jars: S3 addresses of `--extra-jars`.
        files: S3 addresses of `--extra-files`.
        environment: Variables from `--customer-driver-env-vars`, and AWSGLUE_DATACATALOG if Spark
            SQL sees the Data Catalog.
    """

    script: tuple[str, ...]
    spark: Mapping[str, str]
    python_files: tuple[str, ...]
    jars: tuple[str, ...]
    files: tuple[str, ...]
    environment: Mapping[str, str]


def resolve(job: Mapping[str, Any], given: Mapping[str, str], run_id: str) -> RunArguments:
    """Merge a job's arguments with a run's and sort them out.

    Args:
        job: The definition (`DefaultArguments`, `NonOverridableArguments`, `Name`).
        given: The run's own arguments: they win over the defaults.
        run_id: Of the run.

    Raises:
        ArgumentError: An argument asks for what does not exist here, or cannot be read.
    """
    merged: dict[str, str] = {
        **(job.get("DefaultArguments") or {}),
        **given,
        **(job.get("NonOverridableArguments") or {}),
    }
    for name, reason in REFUSED.items():
        if merged.get(name, "false") != "false":
            raise ArgumentError(f"{name} {merged[name]}: {reason}")
    language = merged.pop("--job-language", "python")
    if language != "python":
        raise ArgumentError(f"--job-language {language}: only python jobs can run here")
    _require_installed(_split(merged.pop("--additional-python-modules", "")))
    sees_catalog = merged.get("--enable-glue-datacatalog", "false").lower() in ("", "true")
    arguments = RunArguments(
        spark=spark_configuration(merged.pop("--conf", "")),
        python_files=_split(merged.pop("--extra-py-files", "")),
        jars=_split(merged.pop("--extra-jars", "")),
        files=_split(merged.pop("--extra-files", "")),
        environment=_environment(merged.pop("--customer-driver-env-vars", ""))
        | ({"AWSGLUE_DATACATALOG": "1"} if sees_catalog else {}),
        script=(),
    )
    own = {
        "--JOB_ID": f"j_{job['Name']}",
        "--JOB_RUN_ID": run_id,
        "--JOB_NAME": job["Name"],
        "--job-bookmark-option": "job-bookmark-disable",
    }
    taken = WITHOUT_EFFECT | REFUSED.keys()
    passed = {**own, **{name: value for name, value in merged.items() if name not in taken}}
    words = tuple(word for pair in passed.items() for word in pair)
    return RunArguments(**{**vars(arguments), "script": words})


def spark_configuration(text: str) -> dict[str, str]:
    """Read the value of `--conf`: `k=v`, and further ones as ` --conf k2=v2` in the same text.

    Raises:
        ArgumentError: A part without `=`.
    """
    settings = {}
    for part in re.split(r"(?:^|\s+)--conf(?:\s+|=)", text.strip()):
        if not part:
            continue
        key, equals, value = part.strip().partition("=")
        if not equals or not key or re.search(r"\s", key):
            raise ArgumentError(f"--conf {part!r} is not key=value")
        settings[key] = value
    return settings


def _split(text: str) -> tuple[str, ...]:
    return tuple(item.strip() for item in text.split(",") if item.strip())


def _environment(text: str) -> dict[str, str]:
    pairs = [item.partition("=") for item in _split(text)]
    wrong = [key for key, equals, _ in pairs if not equals or not key.startswith("CUSTOMER_")]
    if wrong:
        raise ArgumentError(f"--customer-driver-env-vars: {wrong[0]!r} is not CUSTOMER_name=value")
    return {key: value.strip('"') for key, _, value in pairs}


def _require_installed(requirements: tuple[str, ...]) -> None:
    """Glue installs these when a run starts. Here they have to be in the environment already."""
    for text in requirements:
        try:
            requirement = Requirement(text)
            installed = version(requirement.name)
        except InvalidRequirement as error:
            raise ArgumentError(f"--additional-python-modules {text}: {error}") from error
        except PackageNotFoundError as error:
            raise ArgumentError(
                f"--additional-python-modules {text}: not installed in the local Glue environment; "
                "add it to that environment's requirements"
            ) from error
        if not requirement.specifier.contains(installed, prereleases=True):
            raise ArgumentError(
                f"--additional-python-modules {text}: the local Glue environment has {installed}"
            )
