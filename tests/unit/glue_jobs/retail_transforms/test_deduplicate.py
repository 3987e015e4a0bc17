import random

from pyspark.sql import SparkSession

from retail_transforms.deduplicate import ranked

SCHEMA = (
    "sale_date string, channel string, transaction_id string, "
    "ingest_date string, source_file string, source_row int"
)
ROWS = [
    ("2026-03-10", "web", "T1", "2026-03-10", "z.jsonl", 9),
    ("2026-03-10", "web", "T1", "2026-03-11", "a.jsonl", 1),  # latest arrival wins
    ("2026-03-10", "web", "T2", "2026-03-10", "a.jsonl", 2),
    ("2026-03-10", "web", "T2", "2026-03-10", "b.jsonl", 1),  # then the last file
    ("2026-03-10", "web", "T3", "2026-03-10", "a.jsonl", 2),
    ("2026-03-10", "web", "T3", "2026-03-10", "a.jsonl", 10),  # then the last row
    ("2026-03-10", "store", "T1", "2026-03-10", "s.parquet", 1),  # another channel, another sale
    ("2026-03-09", "web", "T1", "2026-03-10", "a.jsonl", 3),  # another business day
]
KEPT = {ROWS[1], ROWS[3], ROWS[5], ROWS[6], ROWS[7]}


def test_the_same_row_is_kept_however_rows_are_ordered(spark: SparkSession) -> None:
    for seed in (1, 2):
        shuffled = random.Random(seed).sample(ROWS, len(ROWS))
        frame = ranked(spark.createDataFrame(shuffled, SCHEMA).repartition(3))
        assert {tuple(row)[:-1] for row in frame.where("standing = 1").collect()} == KEPT
        assert frame.count() == len(ROWS)
