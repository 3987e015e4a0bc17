"""The folder of one run: script, libraries, Spark configuration, and the environment for it."""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from include.local_aws.front.context import Context
from include.local_aws.jobs import spark_settings
from include.local_aws.jobs.arguments import RunArguments

# What a script may see of the environment of the front. Everything else would be a difference
# between this machine and Glue that nobody declared.
INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "SSL_CERT_FILE")

# `awsglue` and `awsgluedq`, which Glue's own machines have
LIBRARY = Path(__file__).parents[1] / "glue_library"


class PreparationError(Exception):
    """A run cannot start; the message says why and names what is missing."""


@dataclass(frozen=True)
class Workspace:
    """What it takes to start the script.

    Attributes:
        folder: Of the run; the script's working directory is `files` in it.
        command: To start.
        environment: All of it.
    """

    folder: Path
    command: tuple[str, ...]
    environment: Mapping[str, str]


def prepare(
    context: Context, job: Mapping[str, Any], arguments: RunArguments, run_id: str, folder: Path
) -> Workspace:
    """Fetch all that a run needs into `folder`.

    Args:
        context: Where S3 is and the gateway.
        job: The definition.
        arguments: Of the run.
        run_id: Of the run.
        folder: New; everything is below it.

    Raises:
        PreparationError: The kind of job cannot run here, or an address does not exist.
    """
    command = job.get("Command") or {}
    if command.get("Name") not in ("glueetl", "pythonshell"):
        raise PreparationError(
            f"job {job['Name']!r} has the command {command.get('Name')!r}: only glueetl and "
            "pythonshell run here"
        )
    for name in ("script", "python", "jars", "files", "conf", "tmp"):
        (folder / name).mkdir(parents=True)
    s3 = context.client("s3")
    script = fetch(s3, command.get("ScriptLocation", ""), folder / "script")
    libraries = [fetch(s3, address, folder / "python") for address in arguments.python_files]
    jars = [fetch(s3, address, folder / "jars") for address in arguments.jars]
    for address in arguments.files:
        fetch(s3, address, folder / "files")
    # a .py file is imported from its folder, an archive is itself on the path
    path = [library.parent if library.suffix == ".py" else library for library in libraries]
    environment = {
        **arguments.environment,
        **spark_environment(context, folder, run_id, path, arguments.spark, jars),
    }
    return Workspace(folder, (sys.executable, str(script), *arguments.script), environment)


def spark_environment(
    context: Context,
    folder: Path,
    run_id: str,
    path: Sequence[Path] = (),
    asked: Mapping[str, str] = MappingProxyType({}),
    jars: Sequence[Path] = (),
) -> dict[str, str]:
    """Configure Spark in `folder`; the whole environment of a process that uses it.

    Args:
        context: Where S3 is and the gateway.
        folder: Of the run; has the folders conf and tmp.
        run_id: Of the run.
        path: What can be imported, before the library that Glue has.
        asked: Spark settings that the run asks for.
        jars: Libraries for the JVM.
    """
    buckets = [bucket["Name"] for bucket in context.client("s3").list_buckets()["Buckets"]]
    conf = spark_settings.settings(context.gateway_port, buckets, folder, asked, jars)
    (folder / "conf" / "spark-defaults.conf").write_text(spark_settings.properties(conf))
    return {
        **_inherited(),
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(str(item) for item in (*path, LIBRARY))),
        "PYTHONUNBUFFERED": "1",
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_DRIVER_PYTHON": sys.executable,
        "JAVA_HOME": str(spark_settings.java_home()),
        "SPARK_CONF_DIR": str(folder / "conf"),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_LOCAL_DIRS": str(folder / "tmp"),
        # arrives at the gateway as user.name
        "HADOOP_USER_NAME": run_id,
        "TMPDIR": str(folder / "tmp"),
        "TZ": "UTC",
        **_aws(context),
    }


def fetch(s3: Any, address: str, folder: Path) -> Path:
    """Download `s3://bucket/key` into `folder`.

    Raises:
        PreparationError: The address is none, or nothing is there.
    """
    parts = urlsplit(address, allow_fragments=False)
    key = parts.path.lstrip("/") + (f"?{parts.query}" if parts.query else "")
    name = PurePosixPath(key).name
    if parts.scheme not in ("s3", "s3a") or not parts.netloc or name in ("", "..") or "\0" in name:
        raise PreparationError(f"{address!r} is not an address such as s3://bucket/folder/file.py")
    target = folder / name
    try:
        s3.download_file(parts.netloc, key, str(target))
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in ("404", "NoSuchKey", "NoSuchBucket"):
            raise PreparationError(f"{address} does not exist: upload it") from error
        raise PreparationError(f"{address} cannot be read: {error}") from error
    except BotoCoreError as error:
        raise PreparationError(f"{address} cannot be read: {error}") from error
    return target


def _inherited() -> dict[str, str]:
    return {name: os.environ[name] for name in INHERITED if name in os.environ}


def _aws(context: Context) -> dict[str, str]:
    credentials = context.credentials()
    return {
        "AWS_ENDPOINT_URL": context.endpoint,
        "AWS_ENDPOINT_URL_GLUE": context.front_url,
        "AWS_ENDPOINT_URL_ATHENA": context.front_url,
        "AWS_ACCESS_KEY_ID": credentials.access_key,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_key,
        "AWS_DEFAULT_REGION": context.region,
        "AWS_REGION": context.region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
        "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
    }
