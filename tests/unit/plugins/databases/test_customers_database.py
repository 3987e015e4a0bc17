"""The compose file's MySQL of customers, made on a real server: fit for its reader and no more."""

import os
import shutil
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import pymysql
import pytest
import yaml

from tests.unit.plugins.databases import mariadb as server

ROOT = Path(__file__).parents[4]
PASSWORD = "it's \\ secret"


@pytest.fixture
def customers(mariadb: dict[str, Any], tmp_path: Path) -> dict[str, Any]:
    """Secret of the reader, after the init script ran as MySQL's image runs it."""
    compose = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())
    script = compose["configs"]["customers"]["content"].replace("$$", "$")
    with closing(server.connect(mariadb)) as connection:
        connection.cursor().execute("CREATE DATABASE customers")
    socket = Path(mariadb["sslrootcert"]).with_name("socket")
    mysql = tmp_path / "mysql"  # as in the container, where the server is the client's default
    mysql.write_text(f'#!/bin/sh\nexec {shutil.which("mysql")} --no-defaults -S {socket} "$@"\n')
    mysql.chmod(0o755)
    made = subprocess.run(
        [
            "bash",
            "-ec",
            script.replace("/customers/customers.sql", "include/sample_data/customers_mysql.sql"),
        ],
        cwd=ROOT,
        env={
            **os.environ,
            "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
            "MYSQL_DATABASE": "customers",
            "MYSQL_ROOT_PASSWORD": mariadb["password"],
            "CUSTOMERS_PASSWORD": PASSWORD,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    reader = {"username": "customers_reader", "password": PASSWORD, "dbname": "customers"}
    return mariadb | reader


def test_the_customers_database_is_made_for_reading(customers: dict[str, Any]) -> None:
    with closing(server.connect(customers)) as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT count(*) FROM customers")
        assert cursor.fetchall() == ((0,),)
        with pytest.raises(pymysql.err.OperationalError, match="command denied"):
            cursor.execute("DELETE FROM customers")
        with pytest.raises(pymysql.err.OperationalError, match="denied"):
            cursor.execute("SELECT * FROM mysql.user")
