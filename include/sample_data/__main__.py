"""Write sample data to a folder, laid out as the sources deliver it."""

import argparse
import json
import sys
from datetime import date, timedelta
from pathlib import Path

from include.sample_data import TIME_ZONE, Accounts, Day, DeliveredFile, generate

DESCRIPTION = """\
Write deterministic retail data with planted, counted faults:

  OUT/<dataset>/ingest_date=D/<file>   the drops, closed by an empty _SUCCESS
  OUT/<dataset>/D.csv                  rows for COPY ... WITH (FORMAT csv, HEADER true)
  OUT/marketplace_sales/D.jsonl        what the marketplace's API lists, in its order
  OUT/truth.json                       the books a pipeline must arrive at when it runs day by day
"""


def strict_day(text: str) -> date:
    """Read YYYY-MM-DD, nothing else."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or str(day) != text:
        raise argparse.ArgumentTypeError(f"{text!r} is not a day; write YYYY-MM-DD")
    return day


class OneLineParser(argparse.ArgumentParser):
    """A parser that says what is wrong in one line."""

    def error(self, message: str) -> None:  # type: ignore[override]
        """Print the message and leave with status 2."""
        self.exit(2, f"sample_data: {message} (see --help)\n")


def arguments(argv: list[str] | None) -> argparse.Namespace:
    """Parse and check the command line."""
    parser = OneLineParser(
        prog="python -m include.sample_data",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--from", dest="first", type=strict_day, required=True, metavar="D")
    parser.add_argument("--to", dest="last", type=strict_day, required=True, metavar="D")
    parser.add_argument(
        "--scale", type=float, default=1.0, metavar="N", help="1: 4,000 sales a day"
    )
    parser.add_argument("--seed", type=int, default=7, metavar="N")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    given = parser.parse_args(argv)
    if given.first > given.last:
        parser.error(f"--from {given.first} is after --to {given.last}")
    try:
        for day in (given.first, given.last):
            generate(day, given.seed, given.scale)
        given.out.mkdir(parents=True, exist_ok=True)
    except (ValueError, OSError) as error:
        parser.error(str(error))
    return given


def write(file: DeliveredFile, path: Path, accounts: Accounts) -> int:
    """Write one file, enter its rows in the books, return its size in bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    size = 0
    with path.open("wb") as out:
        for chunk in file.chunks(accounts.watch(file)):
            size += out.write(chunk)
    return size


def write_day(day: Day, out: Path, accounts: Accounts) -> int:
    """Write everything of one day and return its size in bytes."""
    size = 0
    for file in day.files:
        folder = out / file.dataset / f"ingest_date={day.day}"
        size += write(file, folder / file.name, accounts)
    for dataset in {file.dataset for file in day.files}:
        (out / dataset / f"ingest_date={day.day}" / "_SUCCESS").touch()
    for source in day.sources:
        size += write(source, out / source.dataset / source.name, accounts)
    return size


def main(argv: list[str] | None = None) -> int:
    """Write the days, one after the other, then the truth."""
    given = arguments(argv)
    days = [given.first + timedelta(days=n) for n in range((given.last - given.first).days + 1)]
    accounts = Accounts()
    for day in days:
        size = write_day(generate(day, given.seed, given.scale), given.out, accounts)
        rows = sum(a.rows_in for (_, d, _), a in accounts.files.items() if d == day)
        print(f"{day}: {rows:,} rows, {size:,} bytes", flush=True)
    document = {
        "seed": given.seed,
        "scale": given.scale,
        "time_zone": TIME_ZONE,
        "from": str(given.first),
        "to": str(given.last),
        **accounts.report([(day, day) for day in days]),
    }
    path = given.out / "truth.json"
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(f"truth in {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
