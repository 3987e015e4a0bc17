"""Writes the contract of a new source from a sample of its file, for its owner to correct.

``python -m include.lake.scaffold shop.csv --dataset museum_shop`` writes
``include/contracts/museum_shop.yaml``: complete, and loaded once before it is kept. What the sample
does not prove is marked ``# guess`` on its line.
"""

import argparse
import json
import re
import sys
import tempfile
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from include.lake import contract_files
from include.lake.contracts import NOTHING, load_lake
from include.lake.odcs import IDENTIFIER
from include.lake.sample_files import Guess, Sample, SampleError, read
from include.lake.strict_yaml import ContractError

_FOLDER = Path(__file__).parents[1] / "contracts"
#: Names that the job adds itself, and words that SQL or YAML would have in quotes.
_RESERVED = """
    source_file source_row ingest_date sale_date release alter and as between by case cast create
    cross date delete distinct drop else end except exists extract false for from full group having
    in inner insert intersect interval into is join left like n no not null of off on or order outer
    right row rows select table then time timestamp to true union user using values when where with
    y yes"""
_PERSONAL = r"(customer|client|buyer|member|loyalty|email|phone|person)"
#: What a column of sales may be called by a source: pieces of its name, the best first.
_ALIASES = {
    "product_id": ("product_id", "sku", "article_no", "stock_code", "item_id", "product", "item"),
    "product_name": ("product_name", "description", "article", "title", "item", "product", "name"),
    "category": ("category", "group", "department"),
    "quantity": ("quantity", "qty", "pieces", "units", "count"),
    "unit_price": ("unit_price", "price"),
    "total_amount": ("total_amount", "total", "amount", "sum"),
    "region": ("region", "country", "area"),
    "store_id": ("store_id", "store", "shop", "branch", "vendor"),
    "payment_method": ("payment_method", "payment", "paid_by", "tender"),
}
_KEYS = r"(^|_)(id|no|nr|number|ref|receipt|key|code|txn|transaction|invoice|order)(_|$)"
_NO_MONEY = "CAST(NULL AS DECIMAL(18,2))"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        sys.exit(f"scaffold: {message}")


def main(argv: Sequence[str]) -> None:
    """Writes the contract, and prints where it is and what to look at."""
    parser = _Parser(prog="python -m include.lake.scaffold", description=__doc__.partition("\n")[0])
    parser.add_argument("sample", type=Path, help="a .csv, .jsonl or .xml file, or one of them .gz")
    parser.add_argument("--dataset", required=True, help="name of the dataset, e.g. museum_shop")
    parser.add_argument("--channel", help="value of sales.channel; the dataset's name by default")
    parser.add_argument("--key", help="columns that identify a row, as in the file: A,B")
    parser.add_argument("--row-tag", help="XML: the element that is one row")
    parser.add_argument("--out", type=Path, default=_FOLDER, help="folder (include/contracts)")
    given = parser.parse_args(argv)
    try:
        sample = read(given.sample, given.row_tag)
        key = given.key and given.key.split(",")
        text = contract(sample, given.dataset, given.channel or given.dataset, key)
        target = write(text, given.out, given.dataset)
    except (SampleError, ContractError) as error:
        parser.error(str(error))
    print(f"{target}: {text.count('# guess')} guesses to look at, then deploy")


def write(text: str, folder: Path, dataset: str) -> Path:
    """Puts a contract that loads into a folder; never over another.

    Raises:
        SampleError: there is one already.
        ContractError: it does not load.
    """
    target = folder / f"{dataset}.yaml"
    if target.exists():
        raise SampleError(f"{target} exists; remove it first if it is to be made anew")
    with tempfile.TemporaryDirectory() as scratch:
        draft = Path(scratch) / target.name
        draft.write_text(text, encoding="utf-8")
        contract_files.read_contract(draft, load_lake().time_zone)
    with target.open("x", encoding="utf-8") as file:
        file.write(text)
    return target


def contract(sample: Sample, dataset: str, channel: str, keys: Sequence[str] | None = None) -> str:
    """The text of the contract.

    Args:
        sample: of the source's file.
        dataset: its name.
        channel: value of ``sales.channel``.
        keys: columns of the file that identify a row; guessed if None.

    Raises:
        SampleError: a name is not plain, the sample has no moment, or nothing identifies its rows.
    """
    for name in (dataset, channel):
        if not re.fullmatch(IDENTIFIER, name):
            raise SampleError(f"{name!r} is no plain name; small letters, digits and _ please")
    guesses = sample.guesses()
    names = _names(guesses)
    moment = _moment(guesses)
    key = _key(sample, guesses, names, keys)
    columns = "".join(
        _column(guess, names[guess.source], moment=guess is moment, key=key) for guess in guesses
    )
    sales = "".join(
        f"      {name}: {value}\n" for name, value in _sales(guesses, names, moment, key).items()
    )
    return f"""\
# Open Data Contract Standard v3.1.0. Strictly loaded: an unknown key stops the DAG import.
# Written from a sample of {len(sample.records)} records. Lines with "guess" may be otherwise.
apiVersion: v3.1.0
kind: DataContract
id: retail-lake:{dataset}
name: {dataset}
version: 1.0.0
status: active
domain: sales
description:
  purpose: Sales of {dataset.replace("_", " ")}, one row per record of its files.
  usage: The {channel} channel of silver.sales.
  limitations: Known from a sample only.  # guess
team:
  name: {dataset.replace("_", "-")}  # guess: who is asked when a file is wrong
servers:
{_server(sample, dataset)}schema:
  - name: {dataset}
    logicalType: object
    businessName: {dataset.replace("_", " ").capitalize()}
    properties:
{columns}slaProperties:
  - property: latency
    value: 3  # guess: days that a row may arrive after its business day
    unit: d
  - property: frequency
    value: 1
    unit: d
customProperties:
  - property: channel
    value: {channel}
  - property: businessTime
    value: {names[moment.source]}
  - property: sales
    value:
{sales}"""


def _server(sample: Sample, dataset: str) -> str:
    lines = [
        "  - server: drop",
        "    type: s3",
        f"    location: s3://{{lake_bucket}}/bronze/{dataset}/",
        f"    format: {sample.format}",
    ]
    if sample.format == "json":
        lines.append("    delimiter: new_line")
    if sample.options:
        lines += ["    customProperties:", "      - property: readerOptions", "        value:"]
        lines += [f"          {name}: {_quoted(text)}" for name, text in sample.options.items()]
    return "\n".join(lines) + "\n"


def _names(guesses: list[Guess]) -> dict[str, str]:
    """By name in the file, a name in snake_case that no other column has."""
    names: dict[str, str] = {}
    for number, guess in enumerate(guesses, start=1):
        spelt = unicodedata.normalize("NFKD", guess.source).encode("ascii", "ignore").decode()
        spelt = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", spelt)
        name = re.sub(r"[^a-z0-9]+", "_", spelt.lower()).strip("_")[:50]
        if not re.match(r"[a-z]", name):
            name = f"column_{name}".rstrip("_")
        if name in _RESERVED.split():
            name = f"delivered_{name}"
        names[guess.source] = name if name not in names.values() else f"{name}_{number}"
    return names


def _moment(guesses: list[Guess]) -> Guess:
    for kind in ("timestamp", "date"):
        for each in guesses:
            if each.type == kind and each.is_required:
                return each
    raise SampleError(
        "no column has a date or time in every record, so no row belongs to a business day; "
        "give a sample with one"
    )


def _key(
    sample: Sample, guesses: list[Guess], names: dict[str, str], given: Sequence[str] | None
) -> tuple[str, ...]:
    """The columns (in the file) that identify a row."""
    filled = [each for each in guesses if each.is_required]
    if given:
        unknown = sorted(set(given) - {each.source for each in filled})
        if unknown:
            raise SampleError(f"--key names {', '.join(unknown)}, not a column without gaps")
        return tuple(given)
    able = [each.source for each in filled if each.type in ("string", "integer")]
    able = [name for name in able if not re.search(_PERSONAL, names[name])]
    able.sort(key=lambda name: re.search(_KEYS, names[name]) is None)
    choices: list[tuple[str, ...]] = [(name,) for name in able]
    choices += [(one, two) for n, one in enumerate(able) for two in able[n + 1 :]]
    for choice in choices:
        if sample.identifies(choice):
            return choice
    raise SampleError("no column, and no two, tell the records apart; name the key with --key A,B")


def _column(guess: Guess, name: str, *, moment: bool, key: tuple[str, ...]) -> str:
    kind = "timestamp" if moment else guess.type
    logical, physical = {
        "integer": ("integer", "bigint"),
        "decimal": ("number", f"decimal(18,{max(2, guess.scale)})"),
    }.get(kind, (kind, kind))
    lines = [f"- name: {name}"]
    if name != guess.source:
        lines.append(f"  physicalName: {_quoted(guess.source)}")
    note = f"  # guess: {'; '.join(guess.doubts)}" if guess.doubts else ""
    lines += [f"  logicalType: {logical}{note}", f"  physicalType: {physical}"]
    if guess.is_required:
        lines.append("  required: true" + ("" if guess.source in key or moment else "  # guess"))
    if guess.source in key:
        position = key.index(guess.source) + 1
        lines += ["  primaryKey: true  # guess", f"  primaryKeyPosition: {position}"]
    elif re.search(_PERSONAL, name) and kind == "string":
        lines.append("  classification: restricted  # guess: personal, so stored as a token")
    if guess.format is not None:
        lines += ["  logicalTypeOptions:", f"    format: {_quoted(guess.format)}"]
    point, group = guess.separators
    if (point, group) != (".", None):
        lines += ["  customProperties:", "    - property: decimalSeparator"]
        lines.append(f"      value: {_quoted(point)}")
        if group is not None:
            lines += ["    - property: groupingSeparator", f"      value: {_quoted(group)}"]
    lines.append(f"  description: {_quoted(f'As delivered in {guess.source}.')}")
    return "".join(f"      {line}\n" for line in lines)


def _sales(
    guesses: list[Guess], names: dict[str, str], moment: Guess, key: tuple[str, ...]
) -> dict[str, str]:
    """The share of ``sales``, each expression with its mark."""
    kinds = {names[each.source]: each for each in guesses}
    personal = [
        name for name, each in kinds.items()
        if re.search(_PERSONAL, name) and each.type == "string" and each.source not in key
    ]  # fmt: skip
    free = [name for name in kinds if name not in personal and name != names[moment.source]]
    found = {column: _named(free, kinds, column) for column in _ALIASES}
    quantity, price, total = (found[c] for c in ("quantity", "unit_price", "total_amount"))
    if total is None and price is not None:
        worth = f"CAST({quantity or 1} * {price} AS DECIMAL(18,2))"
    else:
        worth = total or _NO_MONEY
    if price is None and total is not None:
        price = f"CAST({total} / {quantity or 1} AS DECIMAL(18,2))"
    flag = next((n for n, each in kinds.items() if each.type == "boolean" and "return" in n), None)
    signed = quantity is not None and kinds[quantity].is_signed
    ids = [names[source] for source in key]
    mapping = {
        "transaction_id": ids[0] if len(ids) == 1 else f"concat_ws('-', {', '.join(ids)})",
        "sold_at": names[moment.source],
        **{column: found[column] or NOTHING for column in _ALIASES},
        "quantity": quantity or "1",
        "unit_price": price or _NO_MONEY,
        "total_amount": worth,
        "customer_id": personal[0] if personal else NOTHING,
        "is_return": flag or (f"{quantity} < 0" if signed else "false"),
    }
    return {name: f"{_quoted(value)}  # guess" for name, value in mapping.items()}


def _named(free: list[str], kinds: dict[str, Guess], column: str) -> str | None:
    """The column of the source that is called most like one of sales, and can be it."""
    numeric = column in ("quantity", "unit_price", "total_amount")
    types = ("integer", "decimal") if numeric else ("string", "integer")
    able = [name for name in free if kinds[name].type in types]
    for alias in _ALIASES[column]:
        for name in able:
            if name == alias or re.search(rf"(^|_){alias}(_|$)", name):
                return name
    return None


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


if __name__ == "__main__":
    main(sys.argv[1:])
