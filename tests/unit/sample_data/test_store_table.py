"""A real PostgreSQL takes the tables of the sources and every row; nothing is lost in them."""

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

from include.sample_data import TABLES, generate, truth

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
        for name, ddl in TABLES.items():
            cursor.execute(ddl.read_text())
            cursor.execute(ddl.read_text())  # may be applied again
            cursor.execute(f"CREATE TEMP TABLE delivered_{name} (LIKE public.{name})")
            for day in DAYS:
                (file,) = (file for file in generate(day).sources if file.dataset == name)
                cursor.copy_expert(
                    f"COPY delivered_{name} FROM STDIN WITH (FORMAT csv, HEADER true)",
                    BytesIO(file.content),
                )
            again = "ON CONFLICT DO NOTHING" if name == "customers" else ""
            cursor.execute(f"INSERT INTO public.{name} SELECT * FROM delivered_{name} {again}")
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


def test_stock_is_counted_on_its_day_but_for_the_planted_row(loaded: connection) -> None:
    with loaded.cursor() as cursor:
        cursor.execute(
            "SELECT (counted_at AT TIME ZONE 'Europe/London')::date AS day, count(*),"
            " count(*) FILTER (WHERE stock_date = (counted_at AT TIME ZONE 'Europe/London')::date)"
            " FROM public.inventory_levels GROUP BY 1 ORDER BY 1"
        )
        assert cursor.fetchall() == [(day, 732, 731) for day in DAYS]


def test_the_customers_of_a_day_are_those_registered_until_its_end(loaded: connection) -> None:
    said = [
        file["rows_in"]
        for run in truth(DAYS)["runs"]
        for file in run["files"]
        if file["dataset"] == "customers"
    ]
    found = []
    with loaded.cursor() as cursor:
        for day in DAYS:
            cursor.execute(
                "SELECT count(*) FROM public.customers"
                " WHERE registered_at < (%s::date + 1)::timestamp AT TIME ZONE 'Europe/London'",
                [day],
            )
            found += cursor.fetchone() or ()
    assert found == said == [305, 310]


def test_customers_names_are_kept_to_the_letter(loaded: connection) -> None:
    with loaded.cursor() as cursor:
        cursor.execute("SELECT name, email FROM public.customers ORDER BY customer_id")
        found = cursor.fetchall()
    names = {name for name, _ in found}
    assert {"Ngọc O'Brien", "Zoe\u0308 Smith, jr.", 'Łukasz van "Rijn"', "Chloé 李"} <= names
    assert [name for name, email in found if email is None] != []
    assert "" not in [email for _, email in found]
