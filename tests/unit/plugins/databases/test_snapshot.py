"""What the extract refuses: drift, writing, values that do not fit, names as SQL."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import psycopg2
import pytest
from airflow.sdk.exceptions import AirflowException

from retail_lake.hooks.snapshot import Extract, ExtractColumn, Snapshot
from retail_lake.operators import extract as module
from tests.unit.plugins.tills import COLUMNS, insert, keys, make_operator, read


def test_drift_names_the_columns(tills: Any, operator: Any, context: Any) -> None:
    """A missing and a retyped column stop the extract and are named."""
    tills.execute(
        "ALTER TABLE public.tills DROP COLUMN note, ALTER COLUMN quantity TYPE text, "
        "ALTER COLUMN sold_at TYPE timestamp"
    )
    with pytest.raises(AirflowException) as raised:
        operator.execute(context)
    message = str(raised.value)
    assert "note is missing" in message
    assert "quantity is text, declared integer" in message
    assert "sold_at is timestamp without time zone, declared timestamp" in message


def test_value_that_does_not_fit_is_not_quoted(
    tills: Any, operator: Any, context: Any, client: Any, bucket: str
) -> None:
    """A third decimal is refused, naming the column but not the value."""
    tills.execute("ALTER TABLE public.tills ALTER COLUMN amount TYPE numeric")
    insert(
        tills, ("a", datetime(2025, 3, 30, 12, tzinfo=UTC), None, Decimal("77.123"), 1, None, None)
    )
    with pytest.raises(AirflowException) as raised:
        operator.execute(context)
    assert "amount: a value does not fit its declared type decimal(18,2)" in str(raised.value)
    assert "77.123" not in str(raised.value)
    assert keys(client("s3"), bucket) == []


def test_session_can_only_read(postgres: dict[str, Any], tills: Any) -> None:
    """The snapshot's transaction refuses to write."""
    snapshot = Snapshot(postgres, "test")
    with (
        pytest.raises(psycopg2.errors.ReadOnlySqlTransaction),
        snapshot.connection.cursor() as cursor,
    ):
        cursor.execute("DELETE FROM public.tills")
    snapshot.close()


def test_rows_that_move_meanwhile_are_not_seen(
    tills: Any, operator: Any, context: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows committed after the snapshot are not in the extract."""
    noon = datetime(2025, 3, 30, 12, tzinfo=UTC)
    insert(tills, ("a", noon, None, None, None, None, None))
    original = module.Snapshot.require_types

    def write_then_check(snapshot: Any, extract: Extract) -> None:
        insert(tills, ("b", noon, None, None, None, None, None))
        original(snapshot, extract)

    monkeypatch.setattr(module.Snapshot, "require_types", write_then_check)
    (result,) = operator.execute(context)
    assert read(client("s3"), operator.bucket, result["file"])["id"].to_pylist() == ["a"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"order_by": ()}, "must name its key columns"),
        ({"order_by": ("secret_column",)}, "must name its key columns"),
        ({"time_column": "day"}, "must be a declared timestamp column"),
    ],
)
def test_an_extract_without_order_or_instant_is_refused(
    change: dict[str, Any], message: str
) -> None:
    """What would make the bytes or the day vague is refused when it is declared."""
    fields = {"order_by": ("id",), "time_column": "sold_at"} | change
    with pytest.raises(ValueError, match=message):
        Extract("public", "tills", COLUMNS, **fields)


def test_names_are_quoted(tills: Any, bucket: str, context: Any, client: Any) -> None:
    """A table name is an identifier, never SQL."""
    tills.execute('DROP TABLE IF EXISTS public."a; DROP TABLE tills"')
    tills.execute('CREATE TABLE public."a; DROP TABLE tills" ("i""d" text, at timestamptz)')
    columns = (ExtractColumn('i"d', "string"), ExtractColumn("at", "timestamp"))
    odd = Extract("public", "a; DROP TABLE tills", columns, ('i"d',), "at")
    (result,) = make_operator(bucket, odd).execute(context)
    assert read(client("s3"), bucket, result["file"]).column_names == ['i"d', "at"]
    tills.execute("SELECT count(*) FROM public.tills")
    assert tills.fetchone() == (0,)
