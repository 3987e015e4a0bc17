"""The command writes what the sources deliver, and refuses bad input in one line."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "include.sample_data", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_it_writes_drops_store_rows_and_truth(tmp_path: Path) -> None:
    done = run("--from", "2026-11-18", "--to", "2026-11-19", "--out", str(tmp_path / "new" / "out"))
    assert (done.returncode, done.stderr) == (0, "")
    assert [line[:11] for line in done.stdout.splitlines()] == [
        "2026-11-18:",
        "2026-11-19:",
        "truth in " + str(tmp_path)[:2],
    ]
    root = tmp_path / "new" / "out"
    written = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
    assert written == {"truth.json"} | {
        name
        for day in ("2026-11-18", "2026-11-19")
        for name in (
            f"ecommerce_orders/ingest_date={day}/orders-{day}-1.jsonl",
            f"ecommerce_orders/ingest_date={day}/orders-{day}-2.jsonl.gz",
            f"ecommerce_orders/ingest_date={day}/orders-{day}-3.jsonl",
            f"ecommerce_orders/ingest_date={day}/_SUCCESS",
            f"wholesale_invoices/ingest_date={day}/invoices-{day}-1.csv",
            f"wholesale_invoices/ingest_date={day}/invoices-{day}-2.csv",
            f"wholesale_invoices/ingest_date={day}/_SUCCESS",
            f"vendor_sales/ingest_date={day}/V017-{day}-1.csv",
            f"vendor_sales/ingest_date={day}/V017-{day}-2.csv",
            f"vendor_sales/ingest_date={day}/V042-{day}-1.csv",
            f"vendor_sales/ingest_date={day}/V042-{day}-2.csv.gz",
            f"vendor_sales/ingest_date={day}/_SUCCESS",
            f"product_feed/ingest_date={day}/catalogue-{day}-1.xml",
            f"product_feed/ingest_date={day}/catalogue-{day}-2.xml.gz",
            f"product_feed/ingest_date={day}/_SUCCESS",
            f"store_transactions/{day}.csv",
            f"inventory_levels/{day}.csv",
            f"customers/{day}.csv",
            f"marketplace_sales/{day}.jsonl",
        )
    }
    document = json.loads((root / "truth.json").read_text())
    assert (document["seed"], document["scale"], document["time_zone"]) == (7, 1, "Europe/London")
    assert (document["from"], document["to"]) == ("2026-11-18", "2026-11-19")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--from", "2026-13-01", "--to", "2026-11-19"], "'2026-13-01' is not a day; write YYYY"),
        (["--from", "20261118", "--to", "2026-11-19"], "'20261118' is not a day; write YYYY-MM-DD"),
        (["--from", "2026-11-20", "--to", "2026-11-19"], "--from 2026-11-20 is after --to"),
        (["--from", "1990-01-01", "--to", "2026-11-19"], "day 1990-01-01 is outside 2000-01-05"),
        (["--from", "2026-11-19", "--to", "2026-11-19", "--scale", "0"], "scale 0.0 must be above"),
        (["--from", "2026-11-19", "--to", "2026-11-19", "--scale", "much"], "invalid float value"),
        (["--to", "2026-11-19"], "the following arguments are required: --from"),
        (["--from", "2026-11-19", "--to", "2026-11-19", "--put", "x"], "unrecognized arguments"),
    ],
)
def test_bad_input_is_one_line_and_status_2(
    arguments: list[str], message: str, tmp_path: Path
) -> None:
    done = run(*arguments, "--out", str(tmp_path / "out"))
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_an_output_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = run("--from", "2026-11-19", "--to", "2026-11-19", "--out", str(tmp_path / "file"))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)


def test_help_shows_the_layout() -> None:
    done = run("--help")
    assert done.returncode == 0
    assert "OUT/<dataset>/ingest_date=D/<file>" in done.stdout
