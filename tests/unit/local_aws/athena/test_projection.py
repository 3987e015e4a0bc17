"""Partition projection: values that follow from properties, files read only where needed."""

import datetime as dt

import pytest

from include.local_aws.athena.errors import QueryError
from include.local_aws.athena.projection import projected
from include.local_aws.athena.relations import Table
from include.local_aws.athena.types import Column
from tests.unit.local_aws.athena.conftest import JSON, Athena

NOW = dt.datetime(2024, 3, 31, 15, 30, tzinfo=dt.UTC)


def _values(**settings: str) -> list[str]:
    parameters = {f"projection.k.{key.replace('_', '.')}": v for key, v in settings.items()}
    glue = {"StorageDescriptor": {"Location": "s3://b/t/"}, "Parameters": parameters}
    table = Table("d", "t", (), (Column("k", "VARCHAR"),), glue)
    return [values[0] for values, _ in projected(table, NOW)]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"type": "enum", "values": "a,b c,d"}, ["a", "b c", "d"]),
        ({"type": "integer", "range": "1,3"}, ["1", "2", "3"]),
        ({"type": "integer", "range": "0,10", "interval": "5", "digits": "3"},
         ["000", "005", "010"]),
        ({"type": "date", "range": "2024-02-28,2024-03-01", "format": "yyyy-MM-dd"},
         ["2024-02-28", "2024-02-29", "2024-03-01"]),
        ({"type": "date", "range": "NOW-1DAYS,NOW", "format": "yyyy/MM/dd"},
         ["2024/03/30", "2024/03/31"]),
        ({"type": "DATE", "range": "2023-12,NOW-1MONTH", "format": "yyyy-MM"},
         ["2023-12", "2024-01", "2024-02"]),
        ({"type": "date", "range": "2024-03-31-13,NOW", "format": "yyyy-MM-dd-HH",
          "interval": "2", "interval_unit": "HOURS"}, ["2024-03-31-13", "2024-03-31-15"]),
        ({"type": "date", "range": "2022,NOW", "format": "yyyy", "interval": "1",
          "interval_unit": "YEARS"}, ["2022", "2023", "2024"]),
        ({"type": "date", "range": "NOW-2WEEKS,NOW", "format": "yyyyMMdd", "interval": "1",
          "interval_unit": "WEEKS"}, ["20240317", "20240324", "20240331"]),
    ],
)  # fmt: skip
def test_values(settings: dict[str, str], expected: list[str]) -> None:
    assert _values(**settings) == expected


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"type": "injected"}, "not supported here: the injected projection of k"),
        ({"type": "enum"}, "needs the property projection.k.values"),
        ({"type": "word"}, "is not enum, integer, date or injected"),
        ({}, "needs the property projection.k.type"),
        ({"type": "integer", "range": "1"}, "must be two values"),
        ({"type": "integer", "range": "a,b"}, "is not valid"),
        ({"type": "integer", "range": "1,9", "interval": "0"}, "is not valid"),
        ({"type": "date", "range": "2024,2025", "format": "yyyy"}, "projection.k.interval.unit"),
        ({"type": "date", "range": "NOW,NOW", "format": "EEE"}, "not supported here: the date"),
        ({"type": "integer", "range": "1,9999999"}, "more than 100000"),
    ],
)
def test_what_is_refused(settings: dict[str, str], reason: str) -> None:
    with pytest.raises(QueryError, match=reason):
        _values(**settings)


CREATE = """CREATE EXTERNAL TABLE visits (id bigint)
PARTITIONED BY (region string, day string, hour int)
ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'
LOCATION 's3://{bucket}/visits/'
TBLPROPERTIES ('projection.enabled' = 'true',
  'projection.region.type' = 'enum', 'projection.region.values' = 'eu,us',
  'projection.day.type' = 'date', 'projection.day.format' = 'yyyy/MM/dd',
  'projection.day.range' = '2024/01/01,2024/01/10',
  'projection.hour.type' = 'integer', 'projection.hour.range' = '0,3',
  'projection.hour.digits' = '2',
  'storage.location.template' = 's3://{bucket}/visits/${{region}}/${{day}}/${{hour}}')"""


def test_a_projected_table_needs_no_partition_in_the_catalog(engine: Athena) -> None:
    engine.run(CREATE.format(bucket=engine.bucket))
    body = '{"id": 1}\n{"id": 2}\n'
    engine.put("visits/eu/2024/01/02/01/a.json", body)
    engine.put("visits/us/2024/01/02/03/a.json", body * 2)
    engine.put("visits/us/2023/12/31/03/a.json", body)  # outside of the projection
    assert engine.rows(
        "SELECT region, day, hour, count(*) FROM visits GROUP BY 1, 2, 3 ORDER BY 1"
    ) == [("eu", "2024/01/02", "1", "2"), ("us", "2024/01/02", "3", "4")]
    one = engine.run("SELECT count(*) FROM visits WHERE region = 'eu' AND hour = 1")
    assert engine.result(one["QueryExecutionId"])[1:] == [("2",)]
    assert one["Statistics"]["DataScannedInBytes"] == len(body)
    assert engine.rows("SELECT count(*) FROM visits WHERE day < '2024/01/02'") == [("0",)]
    assert engine.result(engine.run("SHOW PARTITIONS visits")["QueryExecutionId"]) == []
    assert "are projected" in engine.fails("INSERT INTO visits VALUES (1, 'eu', '2024/01/03', 1)")


def test_without_a_template_the_folders_are_hives(engine: Athena) -> None:
    engine.table(
        "t", [("id", "bigint")], [("d", "date")], serde=JSON,
        parameters={"projection.enabled": "TRUE", "projection.d.type": "date",
                    "projection.d.format": "yyyy-MM-dd", "projection.d.range": "2024-01-01,NOW"},
    )  # fmt: skip
    engine.put("t/d=2024-01-05/x", '{"id": 7}\n')
    assert engine.rows("SELECT id, d FROM t WHERE d BETWEEN DATE '2024-01-04' AND "
                       "DATE '2024-01-06'") == [("7", "2024-01-05")]  # fmt: skip
