"""A real PostgreSQL takes the table and every row of the tills; nothing is lost in it."""

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date
from io import BytesIO
from pathlib import Path

import psycopg2
import pytest
from psycopg2.extensions import connection

from include.sample_data import STORE_DDL, generate, truth

ROOT = Path(__file__).parents[3]
DAYS = [date(2024, 10, 26), date(2024, 10, 27)]  # 25 hours


@pytest.fixture(scope="module")
def tills(tmp_path_factory: pytest.TempPathFactory) -> Iterator[connection]:
    state = tmp_path_factory.mktemp("postgres")
    (state / "password").write_text("sample")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "include.local_aws.database", "--port", str(port)]
    command += ["--state", str(state / "data"), "--password-file", str(state / "password")]
    with (state / "log").open("w") as log:
        server = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                tills = psycopg2.connect(
                    host="127.0.0.1", port=port, user="postgres", password="sample"
                )
                break
            except psycopg2.OperationalError:
                if server.poll() is not None or time.monotonic() > deadline:
                    pytest.fail((state / "log").read_text())
                time.sleep(0.2)
        yield tills
        tills.close()
    finally:
        server.terminate()
        server.wait(30)
        elsewhere = (
            state / "data" / "moved-to"
        )  # where the server keeps its data when root starts it
        if elsewhere.exists():
            shutil.rmtree(elsewhere.read_text().strip())


@pytest.fixture(scope="module")
def loaded(tills: connection) -> connection:
    with tills, tills.cursor() as cursor:
        cursor.execute(STORE_DDL.read_text())
        cursor.execute(STORE_DDL.read_text())  # may be applied again
        for day in DAYS:
            cursor.copy_expert(
                "COPY public.store_transactions FROM STDIN WITH (FORMAT csv, HEADER true)",
                BytesIO(generate(day).store_file.content),
            )
    return tills


def test_each_business_day_holds_its_rows(loaded: connection) -> None:
    with loaded.cursor() as cursor:
        cursor.execute(
            "SELECT (sold_at AT TIME ZONE 'Europe/London')::date, count(*)"
            " FROM public.store_transactions GROUP BY 1 ORDER BY 1"
        )
        found = cursor.fetchall()
    assert found == [(day, sum(1 for _ in generate(day).store_rows)) for day in DAYS]


def test_sums_of_the_sound_rows_are_the_truth(loaded: connection) -> None:
    with loaded.cursor() as cursor:
        cursor.execute(
            """
            SELECT count(*), sum(quantity), sum(total_amount)::text, count(DISTINCT customer_id)
            FROM public.store_transactions
            WHERE abs(quantity) <= 1000 AND unit_price > 0 AND payment_method <> 'Cheque'
                AND region <> 'Head Office' AND is_return = (quantity < 0)
                AND is_return = (total_amount < 0)
            GROUP BY (sold_at AT TIME ZONE 'Europe/London')::date ORDER BY min(sold_at)
            """
        )
        found = cursor.fetchall()
    said = [truth(DAYS)["daily_sales"][str(day)]["store"] for day in DAYS]
    names = ("transactions", "units", "revenue", "customers")
    assert found == [tuple(day[name] for name in names) for day in said]


def test_missing_customers_are_null(loaded: connection) -> None:
    with loaded.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FILTER (WHERE customer_id IS NULL) > 100,"
            " count(*) FILTER (WHERE customer_id = '') FROM public.store_transactions"
        )
        assert cursor.fetchone() == (True, 0)
