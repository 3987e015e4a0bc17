"""What goes wrong around an extract, injected for real: afterwards it is whole or not there."""

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from retail_extract import multipart, parquet, postgres
from retail_extract import table_to_parquet as module
from tests.unit.plugins.conftest import connect as connect_postgres
from tests.unit.plugins.databases import mariadb as server
from tests.unit.plugins.databases.movement import Witness, Writer
from tests.unit.plugins.databases.proxies import CuttableProxy, Fault, FaultyS3
from tests.unit.plugins.databases.tills import Tills, keys, make_operator

QUICK = {"retries": {"mode": "standard", "max_attempts": 5}}
NUMBERS = "SELECT count(*), sum(amount), sum(quantity), min(id), max(id), count(note) FROM {}"


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small parts, blocks and row groups, so that there is a middle to break."""
    monkeypatch.setattr(multipart.MultipartObject.__init__, "__defaults__", (5 * multipart.MIB,))
    monkeypatch.setattr(postgres, "BLOCK_BYTES", 65_536)
    monkeypatch.setattr(parquet, "ROW_GROUP_ROWS", 10_000)


@pytest.fixture
def s3(ministack: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyS3]:
    """The S3 of the operator, which fails as it is told to; the tests' own client does not."""
    with FaultyS3(ministack).running() as faulty:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", faulty.url)
        yield faulty


@pytest.fixture
def truth(ministack: str, bucket: str, tmp_path: Path) -> Callable[[str], "Truth"]:
    """What really lies in the bucket, past whatever is broken."""
    import boto3

    client = boto3.session.Session().client("s3", endpoint_url=ministack)
    return lambda key: Truth(client, bucket, tmp_path, key)


class Truth:
    """An object of the bucket, read without the operator's help."""

    def __init__(self, client: Any, bucket: str, folder: Path, key: str) -> None:
        self.keys = keys(client, bucket)
        self.uploads = client.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
        self.file = folder / "extract.parquet"
        if key:
            self.file.write_bytes(client.get_object(Bucket=bucket, Key=key)["Body"].read())

    def numbers(self) -> tuple[Any, ...]:
        """Return rows, sums and bounds as DuckDB sees them."""
        found = duckdb.execute(NUMBERS.format(f"read_parquet('{self.file}')")).fetchone()
        assert found is not None
        return found

    def rows(self) -> list[tuple[Any, ...]]:
        """Return the rows by id."""
        columns = "id, sold_at AT TIME ZONE 'UTC', note, amount, quantity"
        return duckdb.execute(
            f"SELECT {columns} FROM read_parquet('{self.file}') ORDER BY id"
        ).fetchall()


@pytest.mark.usefixtures("parts")
def test_s3_that_fails_for_a_while_is_tried_again(
    postgres_tills: Tills, bucket: str, context: Any, s3: FaultyS3, truth: Any
) -> None:
    """500, 503, a reset in mid part, an error after the headers: one whole object in the end."""
    postgres_tills.fill(130_000)
    s3.faults = [
        Fault(r"^POST .*\?uploads", "503 SlowDown", 1),
        Fault(r"^PUT .*partNumber=1\b", "500 InternalError", 1),
        Fault(r"^PUT .*partNumber=2\b", "reset", 1),
        Fault(r"^PUT .*partNumber=2\b", "503 ServiceUnavailable", 1),
        Fault(r"^POST .*\?uploadId", "200 InternalError", 1),
        Fault(r"^PUT /[^?]*ingest_date", "reset", 2),  # the copy; the manifest follows it
        Fault(r"^PUT .*_manifest", "500 InternalError", 1),
    ]
    operator = make_operator(bucket, postgres_tills.secret_id, botocore_config=QUICK)
    (result,) = operator.execute(context)
    assert [fault.done for fault in s3.faults] == [fault.times for fault in s3.faults]
    found = truth(result["file"])
    assert found.numbers() == postgres_tills.rows(NUMBERS.format("public.tills"))[0]
    assert len(found.keys) == 2
    assert found.uploads == []


@pytest.mark.usefixtures("parts")
@pytest.mark.parametrize(
    "request_pattern",
    [r"partNumber=2\b", r"^POST .*\?uploadId", r"^PUT /[^?]*ingest_date"],
    ids=["part", "completion", "copy"],
)
def test_s3_that_stays_broken_leaves_nothing(
    postgres_tills: Tills,
    bucket: str,
    context: Any,
    s3: FaultyS3,
    truth: Any,
    request_pattern: str,
) -> None:
    """No object, no open upload; the next attempt is whole."""
    postgres_tills.fill(130_000)
    s3.faults = [Fault(request_pattern, "500 InternalError", 1000)]
    twice = {"retries": {"mode": "standard", "total_max_attempts": 2}}
    operator = make_operator(bucket, postgres_tills.secret_id, botocore_config=twice)
    with pytest.raises(Exception, match="InternalError"):
        operator.execute(context)
    assert s3.faults[0].done == 2
    assert (truth("").keys, truth("").uploads) == ([], [])
    s3.faults = []
    context["ti"].try_number = 2
    (result,) = operator.execute(context)
    found = truth(result["file"])
    assert found.numbers() == postgres_tills.rows(NUMBERS.format("public.tills"))[0]


@pytest.mark.usefixtures("parts")
def test_a_cut_connection_is_replaced_by_the_next_attempt(
    tills: Tills, bucket: str, context: Any, client: Any, truth: Any
) -> None:
    """The database goes away in mid extract: nothing in bronze; a retry gives the same as none."""
    tills.fill(40_000)
    (undisturbed,) = make_operator(bucket, tills.secret_id).execute(context)
    for key in truth("").keys:
        client("s3").delete_object(Bucket=bucket, Key=key)
    with closing(CuttableProxy(tills.secret["host"], tills.secret["port"])) as proxy:
        client("secretsmanager").put_secret_value(
            SecretId=tills.secret_id,
            SecretString=json.dumps({**tills.secret, "port": proxy.port}),
        )
        operator = make_operator(bucket, tills.secret_id)
        proxy.cut_after = 2_500_000
        with pytest.raises(AirflowException, match=r"of public\.tills failed"):
            operator.execute(context)
        assert proxy.cuts == 1
        assert (truth("").keys, truth("").uploads) == ([], [])
        proxy.cut_after = None
        context["ti"].try_number = 2
        (result,) = operator.execute(context)
    assert result == undisturbed
    assert len(truth(result["file"]).keys) == 2


@pytest.mark.usefixtures("parts")
def test_rows_that_move_are_read_as_they_were(
    tills: Tills,
    request: pytest.FixtureRequest,
    bucket: str,
    context: Any,
    truth: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While others insert, change and delete rows, the extract is one state of the table."""
    tills.fill(20_000)
    connect = {"postgres": connect_postgres, "mariadb": server.connect}[tills.engine]
    administrator = request.getfixturevalue(tills.engine)
    with (
        closing(connect(administrator)) as writing,
        closing(connect(administrator)) as witnessing,
        Writer(tills, writing).at_work() as writer,
    ):
        witness = Witness(tills, witnessing)
        writer.await_commits(5)
        original = module.open_snapshot

        def open_both(*arguments: Any) -> Any:
            with writer.paused():
                snapshot = original(*arguments)
                witness.begin()
            writer.await_commits(20)
            return snapshot

        monkeypatch.setattr(module, "open_snapshot", open_both)
        operator = make_operator(bucket, tills.secret_id)
        monkeypatch.setattr(operator, "_progress", lambda rows: writer.await_commits(5))
        (result,) = operator.execute(context)
        expected = [(row[0], row[1].replace(tzinfo=None), *row[2:]) for row in witness.read()]
    assert truth(result["file"]).rows() == expected
    assert result["rows"] == len(expected)
    assert tills.rows("SELECT sum(quantity) FROM public.tills") != [(sum(r[4] for r in expected),)]


def test_refused_credentials_fail_once_and_stay_secret(
    tills: Tills, bucket: str, context: Any, client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """A rotated password is not tried again; the secret is named, nothing of it is shown."""
    caplog.set_level(logging.INFO)
    wrong = {**tills.secret, "password": "no-longer-valid-81c2"}
    client("secretsmanager").put_secret_value(
        SecretId=tills.secret_id, SecretString=json.dumps(wrong)
    )
    with pytest.raises(AirflowFailException, match=f"in secret {tills.secret_id}") as raised:
        make_operator(bucket, tills.secret_id).execute(context)
    seen = f"{raised.value}{raised.value.__cause__}{caplog.text}{context['ti'].xcoms}"
    assert wrong["password"] not in seen
    assert keys(client("s3"), bucket) == []


def test_a_secret_that_is_not_there_fails_once(bucket: str, context: Any) -> None:
    """The action and the secret are named; there is nothing to try again."""
    with pytest.raises(AirflowFailException, match=r"secret no-such-secret.*GetSecretValue"):
        make_operator(bucket, "no-such-secret").execute(context)
