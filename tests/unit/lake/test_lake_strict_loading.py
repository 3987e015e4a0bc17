"""Every kind of slip in a contract stops the load and names file, line and key."""

import shutil
from pathlib import Path

import pytest

from include.lake.contracts import ContractError, load_lake

SHIPPED = Path(__file__).parents[3] / "include" / "contracts"
ORDERS = "ecommerce_orders.yaml"
WHOLESALE = "wholesale_invoices.yaml"
STORE = "store_transactions.yaml"
SEPARATORS = """\
        customProperties:
          - property: decimalSeparator
            value: "{point}"
          - property: groupingSeparator
            value: "{group}"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SHIPPED, tmp_path / "contracts"))


def change(folder: Path, file: str, old: str, new: str) -> int:
    """Replaces the first occurrence; returns the line (from 1) on which it began."""
    text = (folder / file).read_text()
    assert old in text, f"{file} has no {old!r}; adapt the test"
    (folder / file).write_text(text.replace(old, new, 1))
    return text[: text.index(old)].count("\n") + 1


SLIPS = {
    "unknown key at the top": (ORDERS, "status: active", "statuss: active", "statuss", 0),
    "unknown key in a column": (
        ORDERS,
        "        required: true\n        primaryKey: true",
        "        requird: true\n        primaryKey: true",
        "properties[0].requird: unknown key",
        0,
    ),
    "key given twice": (ORDERS, "kind: DataContract", "kind: DataContract\nkind: X", "twice", 1),
    "wrong version of the standard": (ORDERS, "v3.1.0\nkind", "v3.0.2\nkind", "apiVersion", 0),
    "name is not the file's": (ORDERS, "name: ecommerce_orders\n", "name: orders\n", "name", 0),
    "boolean as text": (ORDERS, "required: true", "required: 'true'", "must be true or false", 0),
    "old boolean": (ORDERS, "required: true", "required: yes", "old spelling", 0),
    "number as text": (ORDERS, "maximum: 1000", "maximum: '1000'", "must be a number", 0),
    "number in hexadecimal": (ORDERS, "maximum: 1000", "maximum: 0x10", "plain number", 0),
    "number in exponent form": (ORDERS, "maximum: 1000", "maximum: 1.0e+3", "plain number", 0),
    "unquoted number where text is meant": (ORDERS, "value: web", "value: 7", "must be text", 0),
    "unknown logical type": (ORDERS, "logicalType: integer", "logicalType: int", "int", 0),
    "physical type does not fit": (
        ORDERS,
        "physicalType: bigint",
        "physicalType: string",
        "physicalType: does not fit",
        0,
    ),
    "impossible decimal": (
        ORDERS,
        "physicalType: decimal(18,2)",
        "physicalType: decimal(40,2)",
        "no decimal of Spark",
        0,
    ),
    "option of another type": (ORDERS, "minimum: 1\n", "pattern: ^1$\n", "unknown key", 0),
    "empty range": (ORDERS, "minimum: 1\n", "minimum: 2000\n", "no row could pass", 0),
    "broken pattern": (ORDERS, "^TXN[0-9]{6,12}$", "^TXN[0-9{6,12}$", "regular expression", 0),
    "pattern without anchors": (ORDERS, "^TXN[0-9]{6,12}$", "TXN[0-9]+", "begin with ^", 0),
    "alias to a value that is not accepted": (ORDERS, '"n": North', '"n": Noth', "Noth", 0),
    "alias in upper case": (ORDERS, '"n": North', '"N": North', "lower case", 0),
    "separator that is none": (
        WHOLESALE,
        "        logicalTypeOptions:\n          exclusiveMinimum: 0\n",
        SEPARATORS.format(point=";", group="."),
        "';' is not known here",
        0,
    ),
    "one separator for two things": (
        WHOLESALE,
        "        logicalTypeOptions:\n          exclusiveMinimum: 0\n",
        SEPARATORS.format(point=",", group=","),
        "so 1,234 would be two numbers",
        0,
    ),
    "separators of a date": (
        WHOLESALE,
        "        description: Moment of the invoice",
        SEPARATORS.format(point=",", group=".") + "        description: Moment of the invoice",
        "a timestamp takes no custom property",
        0,
    ),
    "separators of a derived column": (
        WHOLESALE,
        "        description: Customer number without",
        "        customProperties:\n          - property: aliases\n            value: {}\n"
        "        description: Customer number without",
        "a derived one is in no file",
        0,
    ),
    "separators in Parquet": (
        STORE,
        "        logicalTypeOptions:\n          exclusiveMinimum: 0\n",
        SEPARATORS.format(point=",", group="."),
        "numbers in Parquet are no text",
        None,
    ),
    "unknown quality metric": (ORDERS, "metric: invalidValues", "metric: validValue", "metric", 0),
    "accepted value twice": (ORDERS, "[North, South", "[North, North", "twice", 0),
    "unknown classification": (ORDERS, "restricted", "secret", "classification", 0),
    "date without a format": (
        WHOLESALE,
        "          format: yyyy-MM-dd HH:mm:ss\n",
        "",
        "column invoiced_at has no logicalTypeOptions.format",
        None,
    ),
    "key column may be null": (
        ORDERS,
        "        required: true\n        primaryKey: true",
        "        primaryKey: true",
        "cannot be null",
        None,
    ),
    "key with a gap": (
        ORDERS,
        "primaryKeyPosition: 1",
        "primaryKeyPosition: 2",
        "must count 1, 2",
        None,
    ),
    "key without position": (
        ORDERS,
        "        primaryKeyPosition: 1\n",
        "",
        "belong together",
        None,
    ),
    "column twice": (ORDERS, "- name: category", "- name: product_name", "stands twice", 0),
    "two columns of one token": (
        WHOLESALE,
        "- name: customer_ref",
        "- name: customer",
        "column customer_token stands twice",
        None,
    ),
    "a column named as another's token": (
        WHOLESALE,
        "- name: country",
        "- name: customer_ref_token",
        "column customer_ref_token stands twice",
        None,
    ),
    "column of the job": (ORDERS, "- name: category", "- name: source_file", "job itself", 0),
    "two columns of one field": (
        WHOLESALE,
        "physicalName: Country",
        "physicalName: InvoiceNo",
        "read twice",
        None,
    ),
    "derived column with a source": (
        WHOLESALE,
        "transformLogic: invoice_no",
        "physicalName: X\n        transformLogic: invoice_no",
        "remove physicalName",
        0,
    ),
    "rule twice": (STORE, "name: amount_sign", "name: quantity_sign", "stands twice", 0),
    "rule of another engine": (STORE, "engine: spark", "engine: soda", "engine", 0),
    "extract by nobody we know": (
        STORE,
        "      - property: secret\n        value: tills",
        "      - property: engine\n        value: lambda\n"
        "      - property: secret\n        value: tills",
        "use one of: worker, glue",
        1,
    ),
    "unknown custom property": (ORDERS, "property: channel", "property: chanel", "chanel", 0),
    "missing custom property": (
        ORDERS,
        "  - property: channel\n    value: web\n",
        "",
        "has no channel; a channel of sales needs all three",
        0,
    ),
    "sales column forgotten": (ORDERS, "      region: region\n", "", "missing region", None),
    "sales column unknown": (ORDERS, "      region: region", "      area: region", "area", 0),
    "customer that is not restricted": (
        ORDERS,
        "customer_id: customer_id",
        "customer_id: product_id",
        "use one of: customer_id, CAST(NULL",
        0,
    ),
    "personal data in another column": (
        ORDERS,
        "store_id: CAST(NULL AS STRING)",
        "store_id: upper(customer_id)",
        "restricted",
        0,
    ),
    "business time that is no timestamp": (
        ORDERS,
        "value: ordered_at",
        "value: region",
        "must be a required timestamp",
        0,
    ),
    "lateness in hours": (ORDERS, "unit: d", "unit: h", "unit", 0),
    "lateness out of range": (ORDERS, "value: 3\n", "value: 300\n", "from 0 to 31", 0),
    "no lateness": (ORDERS, "property: latency", "property: frequency", "twice", None),
    "unknown kind of server": (ORDERS, "type: s3", "type: sftp", "type", 0),
    "server in another place": (ORDERS, "/bronze/", "/silver/", "must be s3://", 0),
    "host written out": (STORE, '"{secret.host}"', '"db.example.com"', "host", 0),
    "unknown time zone": (
        ORDERS,
        "defaultTimezone: Europe/London",
        "defaultTimezone: BST9",
        "zone",
        0,
    ),
    "not YAML": (ORDERS, "kind: DataContract", "kind: [DataContract", "not YAML", None),
    "a list where keys belong": (
        ORDERS,
        "team:\n  name: web-shop",
        "team:\n  - web-shop",
        "mapping",
        1,
    ),
    "an empty list": (ORDERS, "[North, South, East, West]", "[]", "is empty", 0),
    "empty text": (ORDERS, "name: web-shop", 'name: ""', "is empty", 0),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_slip_is_refused_with_its_place(folder: Path, slip: str) -> None:
    file, old, new, words, offset = SLIPS[slip]
    line = change(folder, file, old, new)
    with pytest.raises(ContractError) as caught:
        load_lake(folder)
    message = str(caught.value)
    assert words in message
    assert message.startswith(f"{file}:")
    if offset is not None:
        named = int(message.split(":")[1])
        assert line + offset <= named <= line + offset + new.count("\n") + 1, message


def test_message_has_path_problem_meaning_and_fix(folder: Path) -> None:
    line = change(folder, ORDERS, "exclusiveMinimum: 0", "exclusiveMinimun: 0")
    with pytest.raises(ContractError) as caught:
        load_lake(folder)
    assert str(caught.value) == (
        f"ecommerce_orders.yaml:{line}: "
        "schema[0].properties[6].logicalTypeOptions.exclusiveMinimun: "
        "unknown key; nothing would read it, so a misspelt setting would be lost. "
        "Use one of: exclusiveMinimum, maximum, minimum"
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("time_zone: Europe/London\n", "lake.yaml:1: document: missing databases"),
        (
            "time_zone: Mars/Base\ndatabases: {}\ncosts: {}\n",
            "lake.yaml:1: time_zone: 'Mars/Base' is not a",
        ),
    ],
)
def test_lake_file_is_strict_too(folder: Path, text: str, words: str) -> None:
    (folder / "lake.yaml").write_text(text)
    with pytest.raises(ContractError, match=words):
        load_lake(folder)


def test_missing_files_are_errors(folder: Path) -> None:
    for file in folder.glob("*.yaml"):
        if file.name != "lake.yaml":
            file.unlink()
    with pytest.raises(ContractError, match=r"no contract; add <dataset>\.yaml"):
        load_lake(folder)
    (folder / "lake.yaml").unlink()
    with pytest.raises(ContractError, match=r"no lake\.yaml"):
        load_lake(folder)
