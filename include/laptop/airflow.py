"""Airflow on the laptop: its components as services, from the layout that MWAA gets."""

import base64
import json
import secrets
import shutil
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from include.infrastructure.bundle import unpack
from include.local_aws.processes import free_ports, is_free, replace_text
from include.local_aws.supervisor import Service

# Their log servers would listen on fixed ports of every interface; the API server reads the log
# files themselves.
COMPONENTS = (
    ("scheduler", "--skip-serve-logs"),
    ("dag-processor",),
    ("triggerer", "--skip-serve-logs"),
)
USER = "admin"
CONFIG = Path(__file__).with_name("airflow_config")


@dataclass(frozen=True)
class Airflow:
    """One Airflow installation.

    Attributes:
        home: AIRFLOW_HOME; `dags/` and `plugins/` in it are what MWAA would have.
        python: The interpreter of the Airflow environment.
        port: Of the API server and UI.
        database: SQLAlchemy address of the metadata database.
        keys: Secrets that the components share, made once: password, jwt, secret, fernet.
    """

    home: Path
    python: Path
    port: int
    database: str
    keys: Mapping[str, str]

    @property
    def url(self) -> str:
        """Address of the UI and the REST API."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def lineage(self) -> Path:
        """What runs read and wrote: OpenLineage's events, one JSON object per line."""
        return self.home / "lineage.jsonl"

    def environment(self) -> dict[str, str]:
        """What every component is started with; MWAA sets the like of it."""
        return {
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.home / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(self.home / "plugins"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__PARALLELISM": "4",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__CORE__FERNET_KEY": self.keys["fernet"],
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self.home / "passwords.json"),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": self.database,
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(self.port),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__SECRET_KEY": self.keys["secret"],
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API_AUTH__JWT_SECRET": self.keys["jwt"],
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(self.home / "logs"),
            # a task that just ended is otherwise noticed only at the next heartbeat, 5 s later
            "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(
                {"type": "file", "log_file_path": str(self.lineage), "append": True}
            ),
            "AIRFLOW__OPENLINEAGE__NAMESPACE": "retail-lake",
            # a process tells of a task's end; on a busy machine its 10 s are over too soon
            "AIRFLOW__OPENLINEAGE__EXECUTION_TIMEOUT": "60",
            "AIRFLOW_CONN_AWS_DEFAULT": "aws://",
            # set on some machines: each task would compile DAGs and plugins anew
            "PYTHONDONTWRITEBYTECODE": "",
        }

    def install(self, bundle: Path) -> None:
        """Puts a bundle's `dags/` and unpacked `plugins.zip` where MWAA would put them."""
        self.home.mkdir(parents=True, exist_ok=True)
        replace_text(self.home / "passwords.json", json.dumps({USER: self.keys["password"]}))
        for folder in ("dags", "plugins"):
            shutil.rmtree(self.home / folder, ignore_errors=True)
        unpack(bundle, self.home)
        shutil.copytree(CONFIG, self.home / "config", dirs_exist_ok=True)

    def services(self, aws: Mapping[str, str]) -> list[Service]:
        """The components, after the migration of their database; aws: the endpoints' variables."""
        env = {**self.environment(), **aws}
        # the script, and from its home: `python -m` would find our checkout before the bundle
        run = str(self.python.with_name("airflow"))
        background = [
            Service(command[0], (run, *command), env, cwd=self.home) for command in COMPONENTS
        ]
        return [
            Service("airflow-database", (run, "db", "migrate"), env, task=True, seconds=120),
            *background,
            Service(
                "api-server",
                (run, "api-server", "--host", "127.0.0.1", "--port", str(self.port)),
                env,
                healthy=self._all_healthy,
                seconds=120,
                cwd=self.home,
            ),
        ]

    def _all_healthy(self) -> bool:
        try:
            health = self.call("GET", "/api/v2/monitor/health", token="")
        except OSError:
            return False
        parts = ("metadatabase", "scheduler", "triggerer", "dag_processor")
        return all((health.get(part) or {}).get("status") == "healthy" for part in parts)

    def token(self) -> str:
        """A bearer token of the admin user for the REST API."""
        body = {"username": USER, "password": self.keys["password"]}
        return str(self.call("POST", "/auth/token", body, token="")["access_token"])

    def call(self, method: str, path: str, body: object = None, *, token: str) -> dict[str, Any]:
        """One call of the REST API.

        Raises:
            urllib.error.HTTPError: With the status that Airflow answered.
        """
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Authorization": f"Bearer {token}"},
        )
        with urllib.request.urlopen(request, timeout=30) as response:
            answer: dict[str, Any] = json.loads(response.read() or b"{}")
            return answer


def at(home: Path, python: Path, database_of: Mapping[str, str]) -> Airflow:
    """The installation in a folder: its port and keys are chosen once and kept there.

    Args:
        home: AIRFLOW_HOME.
        python: The interpreter of the Airflow environment.
        database_of: host, port, user, password of the PostgreSQL server.
    """
    home.mkdir(parents=True, exist_ok=True)
    remembered = home / "laptop.json"
    if not remembered.exists():
        keys = {name: secrets.token_urlsafe(32) for name in ("password", "jwt", "secret")}
        keys["fernet"] = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
        replace_text(remembered, json.dumps({"port": free_ports(1)[0], "keys": keys}))
    kept = json.loads(remembered.read_text())
    database = "postgresql+psycopg2://{user}:{password}@{host}:{port}/airflow"
    return Airflow(home, python, kept["port"], database.format(**database_of), kept["keys"])


def before_start(home: Path) -> None:
    """Chooses another port if somebody took ours while Airflow was down."""
    remembered = home / "laptop.json"
    if remembered.exists():
        kept = json.loads(remembered.read_text())
        if not is_free(kept["port"]):
            replace_text(remembered, json.dumps({**kept, "port": free_ports(1)[0]}))
