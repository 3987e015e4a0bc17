"""What MySQL keeps otherwise than PostgreSQL: exact all the same, or refused by name."""

from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException

from retail_extract.errors import RefusedError
from retail_extract.snapshot import open_snapshot
from retail_extract.table import Extract, ExtractColumn
from tests.unit.plugins.databases.certificates import Authority
from tests.unit.plugins.databases.tills import EXTRACT, Tills, keys, make_operator, read

NOON = datetime(2025, 3, 30, 12, tzinfo=UTC)
EPOCH = date(1969, 12, 31)
TEXTS = [
    *("", " ", "NULL", "\\N", "'\"`", "a\tb\r\nc", "Käse", "e\u0301", "x" * 60_000),
    "emoji \N{GRINNING FACE} \N{FAMILY}",
]


def test_both_engines_give_the_same_bytes(
    postgres_tills: Tills, mariadb_tills: Tills, bucket: str, context: Any
) -> None:
    """The same rows are the same object, whichever engine they were in and in whichever order."""
    rows = [
        (f"{'aA'[i % 2]}{i:03}", NOON, text, Decimal("-1.05") * i, i - 3, EPOCH, i % 3 == 0)
        for i, text in enumerate(TEXTS)
    ]
    rows.append(("ÿ", datetime(2025, 3, 30, 0, 0, 0, 1, UTC), None, None, None, None, None))
    most = Decimal("9999999999999999.99")
    rows.append(("Z", NOON, None, most, 2**31 - 1, date(9999, 12, 31), True))
    postgres_tills.insert(*rows)
    mariadb_tills.insert(*reversed(rows))
    results = [
        make_operator(bucket, tills.secret_id).execute(context)
        for tills in (postgres_tills, mariadb_tills)
    ]
    assert results[0] == results[1]
    assert results[0][0]["rows"] == len(rows)


def test_a_datetime_is_the_wall_clock_of_its_declared_zone(
    mariadb_tills: Tills, bucket: str, context: Any, client: Any
) -> None:
    """DATETIME has no zone: the contract's column says which. A day's bounds are read in it too."""
    mariadb_tills.execute("ALTER TABLE public.tills MODIFY sold_at datetime(6) NOT NULL")
    for name, wall in [
        ("before", "2025-10-25 18:59:59.999999"),
        ("first", "2025-10-25 19:00:00"),
        ("last", "2025-10-26 19:59:59.999999"),
        ("after", "2025-10-26 20:00:00"),
    ]:
        mariadb_tills.execute(
            "INSERT INTO public.tills (id, sold_at) VALUES (%s, %s)", (name, wall)
        )
    columns = tuple(
        replace(column, time_zone="America/New_York") if column.name == "sold_at" else column
        for column in EXTRACT.columns
    )
    operator = make_operator(bucket, mariadb_tills.secret_id, replace(EXTRACT, columns=columns))
    operator.days = ["2025-10-26"]  # 25 hours in London
    (result,) = operator.execute(context)
    table = read(client("s3"), bucket, result["file"])
    assert dict(zip(table["id"].to_pylist(), table["sold_at"].to_pylist(), strict=True)) == {
        "first": datetime(2025, 10, 25, 23, tzinfo=UTC),
        "last": datetime(2025, 10, 26, 23, 59, 59, 999999, UTC),
    }


@pytest.mark.parametrize(
    ("change", "values", "column"),
    [
        ("MODIFY day date", "day = '0000-00-00'", "day"),
        ("MODIFY day date", "day = '2025-02-00'", "day"),
        ("MODIFY sold_at datetime NULL", "sold_at = '0000-00-00 00:00:00'", "sold_at"),
        ("MODIFY sold_at datetime NOT NULL", "sold_at = '0000-00-00 00:00:00'", "sold_at"),
        ("MODIFY sold_at datetime", "sold_at = '2025-03-30 01:30:00'", "sold_at"),
        ("MODIFY quantity bigint unsigned", "quantity = 9223372036854775808", "quantity"),
        ("MODIFY is_return tinyint(1)", "is_return = 2", "is_return"),
        ("MODIFY amount decimal(20,2)", "amount = 123456789012345678.90", "amount"),
    ],
)
def test_a_value_that_has_no_exact_counterpart_is_refused(
    mariadb_tills: Tills,
    bucket: str,
    context: Any,
    client: Any,
    change: str,
    values: str,
    column: str,
) -> None:
    """Zero dates, an hour that the clocks left out, too large numbers: the column is named."""
    mariadb_tills.execute("SET SESSION sql_mode = ''")
    mariadb_tills.execute(f"ALTER TABLE public.tills {change}")
    mariadb_tills.execute("INSERT INTO public.tills (id, sold_at) VALUES ('a', '2025-03-30 12:00')")
    mariadb_tills.execute(f"UPDATE public.tills SET {values}")
    columns = tuple(
        replace(each, time_zone="Europe/London") if each.name == "sold_at" else each
        for each in EXTRACT.columns
    )
    operator = make_operator(bucket, mariadb_tills.secret_id, replace(EXTRACT, columns=columns))
    with pytest.raises(AirflowException, match=f"column {column}: a value does not fit"):
        operator.execute(context)
    assert keys(client("s3"), bucket) == []


def test_largest_numbers_fit(mariadb_tills: Tills, bucket: str, context: Any, client: Any) -> None:
    """The last value before the refusal is exact."""
    mariadb_tills.execute("ALTER TABLE public.tills MODIFY quantity bigint unsigned zerofill")
    mariadb_tills.execute(
        "INSERT INTO public.tills (id, sold_at, quantity, amount) "
        "VALUES ('a', '2025-03-30 12:00', 9223372036854775807, -9999999999999999.99)"
    )
    (result,) = make_operator(bucket, mariadb_tills.secret_id).execute(context)
    (row,) = read(client("s3"), bucket, result["file"]).to_pylist()
    assert (row["quantity"], row["amount"]) == (2**63 - 1, Decimal("-9999999999999999.99"))


@pytest.mark.parametrize("storage", ["MyISAM", "MEMORY"])
def test_a_table_without_snapshots_is_refused(
    mariadb_tills: Tills, bucket: str, context: Any, storage: str
) -> None:
    mariadb_tills.execute("ALTER TABLE public.tills DROP COLUMN note, DROP COLUMN secret_column")
    mariadb_tills.execute(f"ALTER TABLE public.tills ENGINE = {storage}")
    columns = tuple(column for column in EXTRACT.columns if column.name != "note")
    operator = make_operator(bucket, mariadb_tills.secret_id, replace(EXTRACT, columns=columns))
    with pytest.raises(AirflowException, match=f"kept by {storage}, which has no snapshots"):
        operator.execute(context)


def test_the_database_of_the_secret_is_where_a_table_is_looked_up(
    mariadb_tills: Tills, bucket: str, context: Any
) -> None:
    """A contract without a schema names the table alone; keys are ordered by their bytes."""
    mariadb_tills.fill(3)
    (result,) = make_operator(
        bucket, mariadb_tills.secret_id, replace(EXTRACT, schema=None)
    ).execute(context)
    assert result["rows"] == 3


def test_keys_are_ordered_by_their_bytes(
    mariadb_tills: Tills, bucket: str, context: Any, client: Any
) -> None:
    """Whatever the collation finds equal or larger."""
    mariadb_tills.execute("ALTER TABLE public.tills MODIFY id varchar(9) CHARACTER SET latin1")
    for name in ("b", "A", "c ", "É", "Z", "f"):
        mariadb_tills.insert((name, NOON, None, None, None, None, None))
    (result,) = make_operator(bucket, mariadb_tills.secret_id).execute(context)
    found = read(client("s3"), bucket, result["file"])["id"].to_pylist()
    assert found == sorted(found, key=str.encode) == ["A", "Z", "b", "c ", "f", "É"]


def test_tls_is_verified(mariadb: dict[str, Any], tmp_path: Any) -> None:
    """Encrypted as asked; an unknown authority or another host is refused."""
    pem = Path(mariadb["sslrootcert"]).read_text()
    for secret in (
        {**mariadb, "sslmode": "verify-full"},
        {**mariadb, "sslmode": "verify-full", "sslrootcert": pem},
        {**mariadb, "sslmode": "require"},
        mariadb,
    ):
        with closing(open_snapshot(secret, "tills", "test")) as snapshot:
            assert cipher(snapshot)
    with closing(open_snapshot({**mariadb, "sslmode": "disable"}, "tills", "test")) as snapshot:
        assert not cipher(snapshot)
    stranger = Authority(tmp_path, "stranger")
    with pytest.raises(Exception, match="CERTIFICATE_VERIFY_FAILED"):
        open_snapshot(
            {**mariadb, "sslmode": "verify-ca", "sslrootcert": str(stranger.file)}, "tills", "test"
        )
    other = {**mariadb, "host": "localhost"}
    with pytest.raises(Exception, match="Hostname mismatch"):
        open_snapshot({**other, "sslmode": "verify-full"}, "tills", "test")
    with closing(open_snapshot({**other, "sslmode": "verify-ca"}, "tills", "test")) as snapshot:
        assert cipher(snapshot)


def cipher(snapshot: Any) -> str:
    """What the session is encrypted with."""
    ((_, name),) = snapshot._execute("SHOW SESSION STATUS LIKE 'Ssl_cipher'")
    return str(name)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"password": ""}, "secret tills has no password"),
        ({"engine": "oracle"}, "engine 'oracle' is not one of"),
        ({"sslmode": "always"}, "sslmode 'always' is not one of"),
        ({"sslmode": "verify-full", "sslrootcert": None}, "needs sslrootcert"),
    ],
)
def test_a_secret_that_says_too_little_fails_once(change: dict[str, Any], message: str) -> None:
    secret = {
        "host": "db", "port": 1, "dbname": "d", "username": "u", "password": "p", **change
    }  # fmt: skip
    with pytest.raises(RefusedError, match=message):
        open_snapshot(secret, "tills", "test")


def test_other_kinds_of_text_and_rows_of_no_day(
    mariadb_tills: Tills, bucket: str, context: Any, client: Any
) -> None:
    """ENUM and CHAR are strings as they are shown; a row without a time is in every extract."""
    mariadb_tills.execute("DROP TABLE IF EXISTS public.kinds")
    mariadb_tills.execute(
        "CREATE TABLE public.kinds (`order` int PRIMARY KEY, at timestamp(3) NULL, "
        "size enum('S', 'L') NOT NULL, code char(5))"
    )
    mariadb_tills.execute(
        "INSERT INTO public.kinds VALUES (2, NULL, 'L', 'ab   '), (1, NULL, 'S', '')"
    )
    kinds = Extract(
        "public",
        "kinds",
        (
            ExtractColumn("order", "integer"),
            ExtractColumn("at", "timestamp"),
            ExtractColumn("size", "string"),
            ExtractColumn("code", "string"),
        ),
        ("order",),
        "at",
        rows="until_day_end",
    )
    (result,) = make_operator(bucket, mariadb_tills.secret_id, kinds).execute(context)
    assert read(client("s3"), bucket, result["file"]).to_pylist() == [
        {"order": 1, "at": None, "size": "S", "code": ""},
        {"order": 2, "at": None, "size": "L", "code": "ab"},
    ]
    mariadb_tills.execute("DROP TABLE public.kinds")
