"""docker-compose.yaml: valid, closed to the network, and the same stack as the laptop's."""

import importlib.util
import json
import os
import re
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import check_jsonschema
import jsonschema
import psycopg2
import psycopg2.errors
import pytest
import yaml

from include.laptop import airflow
from include.laptop.__main__ import POOLS
from include.local_aws.database import INSTALLATION
from include.local_aws.stack import PORTS

ROOT = Path(__file__).parents[3]
SCHEMA = Path(check_jsonschema.__file__).with_name("builtin_schemas") / "vendor/compose-spec.json"
ONE_SHOT = {"deploy", "airflow-init"}
# differ between one machine's processes and containers
PLACES = {
    "AIRFLOW_HOME",
    "AIRFLOW__CORE__DAGS_FOLDER",
    "AIRFLOW__CORE__PLUGINS_FOLDER",
    "AIRFLOW__CORE__EXECUTION_API_SERVER_URL",
    "AIRFLOW__CORE__FERNET_KEY",
    "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN",
    "AIRFLOW__API__HOST",
    "AIRFLOW__API__PORT",
    "AIRFLOW__API__BASE_URL",
    "AIRFLOW__API__SECRET_KEY",
    "AIRFLOW__API_AUTH__JWT_SECRET",
    "AIRFLOW__LOGGING__BASE_LOG_FOLDER",
    "PYTHONDONTWRITEBYTECODE",
}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())
    return loaded


@pytest.fixture(scope="module")
def services(compose: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = compose["services"]
    return found


def words(service: dict[str, Any]) -> str:
    return " ".join(service.get("command", []))


def test_it_fits_the_compose_specification(compose: dict[str, Any]) -> None:
    schema = json.loads(SCHEMA.read_text())
    validator = jsonschema.validators.validator_for(schema)(schema)
    assert [error.message for error in validator.iter_errors(compose)] == []


def test_ports_are_published_on_loopback_only(services: dict[str, dict[str, Any]]) -> None:
    published = [port for service in services.values() for port in service.get("ports", [])]
    assert published == ["127.0.0.1:8080:8080"]


def test_every_long_running_service_has_a_health_check(
    services: dict[str, dict[str, Any]],
) -> None:
    assert {name for name, service in services.items() if "healthcheck" not in service} == ONE_SHOT


def test_secrets_come_from_the_environment(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        for variable, value in service.get("environment", {}).items():
            if re.search(
                r"PASSWORD$|TOKEN$|JWT_SECRET|FERNET_KEY|(?<!ACCESS_)SECRET_KEY", variable
            ):
                assert re.match(r"\$\{\w+:\?.+\}$", value), f"{name}: {variable}"
    secrets = {
        service["environment"]["AIRFLOW__API_AUTH__JWT_SECRET"]
        for name, service in services.items()
        if name.startswith("airflow-")
    }
    assert len(secrets) == 1


def test_python_modules_it_runs_exist(services: dict[str, dict[str, Any]]) -> None:
    modules = {
        module
        for service in services.values()
        for module in re.findall(r"python -m ([\w.]+)", words(service))
    }
    assert modules >= {
        "include.local_aws",
        "include.infrastructure.deploy",
        "include.infrastructure.bundle",
    }
    assert not [module for module in modules if importlib.util.find_spec(module) is None]


def test_files_it_mounts_or_copies_exist(
    compose: dict[str, Any], services: dict[str, dict[str, Any]]
) -> None:
    mounted = [
        volume.split(":")[0]
        for service in services.values()
        for volume in service.get("volumes", [])
    ]
    assert {source for source in mounted if not source.startswith(".")} == set(compose["volumes"])
    builds = [s["build"]["dockerfile_inline"] for s in services.values() if "build" in s]
    copied = [path for text in builds for path in re.findall(r"^COPY (\S+)", text, re.MULTILINE)]
    for path in [source for source in mounted if source.startswith(".")] + copied:
        assert (ROOT / path).exists(), path


def test_airflow_is_configured_as_on_the_laptop(
    services: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    keys = dict.fromkeys(("password", "jwt", "secret", "fernet"), "x")
    laptop = airflow.Airflow(tmp_path, tmp_path, 8080, "", keys).environment()
    environment = services["airflow-scheduler"]["environment"]
    both = (set(laptop) & set(environment)) - PLACES
    assert len(both) >= 7
    assert {name: environment[name] for name in both} == {name: laptop[name] for name in both}
    for component in ("scheduler", "dag-processor", "triggerer", "api-server"):
        command = services[f"airflow-{component}"]["command"][-1]
        assert command == f". /bundle/mwaa/startup.sh && exec airflow {component}"


def test_pools_and_ports_are_the_laptop_s(
    compose: dict[str, Any], services: dict[str, dict[str, Any]]
) -> None:
    init = words(services["airflow-init"])
    for pool, description in POOLS.items():
        assert f'airflow pools set {pool} 1 "{description}" --include-deferred' in init
    ports = json.loads(compose["configs"]["ports"]["content"])
    assert set(ports) == set(PORTS)
    scheduler = services["airflow-scheduler"]["environment"]
    assert scheduler["AWS_ENDPOINT_URL"].endswith(f":{ports['s3']}")
    assert scheduler["AWS_ENDPOINT_URL_GLUE"].endswith(f":{ports['front']}")
    assert scheduler["AWS_ENDPOINT_URL_ATHENA"].endswith(f":{ports['front']}")


def test_shell_snippets_have_no_syntax_error(
    compose: dict[str, Any], services: dict[str, dict[str, Any]]
) -> None:
    snippets = [compose["configs"][name]["content"] for name in ("tills", "customers")]
    for service in services.values():
        command = service.get("command", [])
        if command[:1] in (["sh"], ["bash"]):
            snippets.append(command[-1])
    assert len(snippets) >= 5
    for snippet in snippets:
        text = snippet.replace("$$", "$")
        checked = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True)
        assert checked.returncode == 0, f"{snippet}\n{checked.stderr}"


def test_the_tills_database_is_made_for_reading(
    compose: dict[str, Any], database: dict[str, str]
) -> None:
    """Runs PostgreSQL's init script of the compose file on a real server."""
    script = compose["configs"]["tills"]["content"].replace("$$", "$")
    script = script.replace("/tills/", f"{ROOT}/include/sample_data/")
    variables = {"POSTGRES_USER": "postgres", "TILLS_PASSWORD": "it's secret"}
    path = f"{INSTALLATION / 'bin'}{os.pathsep}{os.environ['PATH']}"
    made = subprocess.run(
        ["bash", "-ec", script],
        env=os.environ | database | variables | {"PATH": path},
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stderr
    with closing(
        psycopg2.connect(
            host=database["PGHOST"],
            port=database["PGPORT"],
            dbname="tills",
            user="lake_reader",
            password="it's secret",
        )
    ) as connection:
        cursor = connection.cursor()
        for table in ("store_transactions", "inventory_levels"):
            cursor.execute(f"SELECT count(*) FROM public.{table}")
            assert cursor.fetchone() == (0,)
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            cursor.execute("DELETE FROM public.store_transactions")
