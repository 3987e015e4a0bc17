"""The services of the embedded AWS, and what a client must export to talk to them."""

import json
import os
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from include.local_aws.processes import answers, free_ports, is_free, replace_text
from include.local_aws.supervisor import Service

REGION = "us-east-1"
ACCOUNT = "000000000000"
FAULTS = "LOCAL_AWS_FAULTS"
"""Environment variable: "1" when tests may order faults."""
ENFORCE = "LOCAL_AWS_ENFORCE_IAM"
"""Environment variable: "1" when everybody may do only what their policies allow."""
PORTS = ("s3", "front", "gateway", "database")


@dataclass(frozen=True)
class Stack:
    """Where the embedded AWS lives.

    Attributes:
        folder: Its state; everything durable is below it.
        ports: Loopback port by service: s3 (MiniStack), front (Glue, Athena), gateway, database.
        database_password: Of the PostgreSQL superuser `postgres`.
    """

    folder: Path
    ports: Mapping[str, int]
    database_password: str

    @property
    def front_url(self) -> str:
        """Endpoint of Glue and Athena."""
        return f"http://127.0.0.1:{self.ports['front']}"

    @property
    def endpoint_url(self) -> str:
        """Endpoint of every other service."""
        return f"http://127.0.0.1:{self.ports['s3']}"

    def exports(self) -> dict[str, str]:
        """The variables that point any AWS client, and any PostgreSQL client, here."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ENDPOINT_URL_GLUE": self.front_url,
            "AWS_ENDPOINT_URL_ATHENA": self.front_url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
            # S3 clients would otherwise check themselves with a checksum that MiniStack's
            # streaming answers lack
            "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
            "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
            "LOCAL_RDS_HOST": "127.0.0.1",
            "LOCAL_RDS_PORT": str(self.ports["database"]),
            "LOCAL_RDS_USER": "postgres",
            "LOCAL_RDS_PASSWORD": self.database_password,
        }

    def exports_of(self, role: str) -> dict[str, str]:
        """The same for a process that acts in a role, as containers do on AWS.

        Its clients ask for credentials when they need them: the role may be made later.
        """
        keys = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}  # empty ones do not count
        asked = f"{self.endpoint_url}/_local_aws/credentials/{role}"
        return {**self.exports(), **keys, "AWS_CONTAINER_CREDENTIALS_FULL_URI": asked}

    @property
    def enforced(self) -> bool:
        """Whether what starts now is to enforce policies."""
        return os.environ.get(ENFORCE) == "1"

    def services(self) -> list[Service]:
        """The processes in the order in which they start."""
        ports = {name: str(port) for name, port in self.ports.items()}
        password_file = self.folder / "database-password"
        calls = self.folder / "calls"
        switches = {}
        if os.environ.get(FAULTS) == "1":
            switches["faults"] = self.folder / "faults.sqlite"
        enforced = self.enforced
        return [
            Service(
                "database",
                python(
                    "include.local_aws.database",
                    port=ports["database"],
                    state=self.folder / "database",
                    password_file=password_file,
                ),
                healthy=self._database_answers,
            ),
            Service(
                "ministack",
                python("include.local_aws.base", calls=calls / "base.jsonl", **switches),
                env={
                    "GATEWAY_PORT": ports["s3"],
                    "BIND_HOST": "127.0.0.1",
                    "MINISTACK_HOST": f"127.0.0.1:{ports['s3']}",
                    "S3_PERSIST": "1",
                    "S3_DATA_DIR": str(self.folder / "s3"),
                    "PERSIST_STATE": "1",
                    "STATE_DIR": str(self.folder / "ministack"),
                    "MINISTACK_REGION": REGION,
                    "LOG_LEVEL": "WARNING",
                    "AUTH": str(enforced).lower(),
                    # services on ports of their own, which nobody uses here
                    "SFTP_ENABLED": "0",
                    "IOT_MTLS_ENABLED": "0",
                },
                healthy=answers(f"{self.endpoint_url}/_ministack/health"),
                waits=False,
            ),
            Service(
                "gateway",
                python(
                    "include.local_aws.gateway",
                    port=ports["gateway"],
                    endpoint=self.endpoint_url,
                    state=self.folder / "gateway",
                )
                + ["--enforce-iam"] * enforced,
                healthy=answers(f"http://127.0.0.1:{ports['gateway']}/healthz"),
                waits=False,
            ),
            Service(
                "front",
                python(
                    "include.local_aws.front",
                    port=ports["front"],
                    endpoint=self.endpoint_url,
                    state=self.folder / "front",
                    gateway_port=ports["gateway"],
                    calls=calls / "front.jsonl",
                    **switches,
                )
                + ["--enforce-iam"] * enforced,
                healthy=answers(f"{self.front_url}/healthz"),
                waits=False,
            ),
        ]

    def _database_answers(self) -> bool:
        import psycopg2

        try:
            psycopg2.connect(
                host="127.0.0.1",
                port=self.ports["database"],
                user="postgres",
                password=self.database_password,
                dbname="postgres",
                connect_timeout=2,
            ).close()
        except psycopg2.OperationalError:
            return False
        return True


def python(module: str, **options: object) -> list[str]:
    """The command that runs a module of this environment with `--options`."""
    pairs = ((f"--{name.replace('_', '-')}", str(value)) for name, value in options.items())
    return [sys.executable, "-m", module, *(word for pair in pairs for word in pair)]


def at(folder: Path) -> Stack:
    """The stack of a folder: its ports and password are chosen once and kept there."""
    folder.mkdir(parents=True, exist_ok=True)
    remembered = folder / "ports.json"
    if not remembered.exists():
        chosen = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
        replace_text(remembered, json.dumps(chosen))
    password_file = folder / "database-password"
    if not password_file.exists():
        replace_text(password_file, secrets.token_urlsafe(18))
    return Stack(folder, json.loads(remembered.read_text()), password_file.read_text())


def before_start(folder: Path) -> Stack:
    """The stack of a folder that is about to start: ports that somebody took are chosen anew."""
    remembered = folder / "ports.json"
    if not all(is_free(port) for port in at(folder).ports.values()):
        remembered.unlink()
    return at(folder)
