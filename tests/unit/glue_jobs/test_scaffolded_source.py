"""The README's new source: a sample makes the contract, and the job reads the source with it."""

import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from pyspark.sql import SparkSession

from include.lake import scaffold
from include.lake.contract_files import read_contract
from include.lake.contracts import Lake
from tests.unit.glue_jobs.faults.books import books, build_twice, reasons
from tests.unit.glue_jobs.lake_folder import LakeFolder

README = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
SAMPLE = """\
Receipt|When|Item|Pieces|Price
R1|17.05.2024 10:15|Postcard|4|1,20
R2|17.05.2024 11:00|Catalogue, "Dürer"|1|39,95
R3|07.05.2024 11:30|Postcard|-1|1,20
"""
DAY = "2024-05-20"
ROWS = """\
Price|Receipt|When|Item|Pieces
1,20|R4|20.05.2024 10:15|Postcard|3
1.20|R5|20.05.2024 10:16|Postcard|3
39,95|R6|20.05.2024 00:30|Catalogue, "Dürer"|-1
39,95|R6|20.05.2024 00:30|Catalogue, "Dürer"|-1
1,20|R7|05/20/2024 10:17|Postcard|1
1,20||20.05.2024 10:18|Postcard|1
"""


def test_a_sample_is_enough_to_read_a_new_source(
    spark: SparkSession, lake: Lake, lake_folder: LakeFolder, tmp_path: Path
) -> None:
    (tmp_path / "shop.csv").write_text(SAMPLE)
    line = next(line for line in README.splitlines() if "include.lake.scaffold shop.csv" in line)
    arguments = line.split("include.lake.scaffold ")[1].split()
    sample = str(tmp_path / arguments.pop(0))
    scaffold.main([sample, *arguments, "--out", str(tmp_path)])

    written = tmp_path / "museum_shop.yaml"
    [shown] = [
        block
        for block in re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
        if "decimalSeparator" in block
    ]
    lines = iter(written.read_text().splitlines())  # shown are some of them, in order
    assert [line for line in shown.splitlines() if line not in lines] == []

    contract = read_contract(written, lake.time_zone)
    lake_folder.put("museum_shop", DAY, "shop.csv", ROWS)
    manifest = build_twice(spark, replace(lake, contracts=(contract,)), lake_folder, DAY, DAY)
    assert books(manifest) == {"shop.csv": (6, 2, 3, 1)}
    assert reasons(lake_folder, "shop.csv") == {
        3: "invalid:price",
        6: "invalid:delivered_when",
        7: "required:receipt",
    }
    assert lake_folder.query(
        "SELECT transaction_id, channel, product_name, quantity, total_amount, is_return,"
        " strftime(sold_at AT TIME ZONE 'UTC', '%m-%d %H:%M'), sale_date::VARCHAR"
        " FROM sales ORDER BY 1"
    ) == [
        ("R4", "museum", "Postcard", 3, Decimal("3.60"), False, "05-20 09:15", DAY),
        ("R6", "museum", 'Catalogue, "Dürer"', -1, Decimal("-39.95"), True, "05-19 23:30", DAY),
    ]
