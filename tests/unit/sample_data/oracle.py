"""An independent reading of delivered files: DuckDB over the raw bytes, by the contracts' words.

Shares nothing with ``include.sample_data``: it reads text, judges each row by the rules written out
here, removes duplicates and sums. What it finds must be what was planted. The column ``mark`` holds
what finds a row again in its file: the line, or the first cell of a CSV (of the vendors' the
first two).
"""

from pathlib import Path
from typing import Any

import duckdb

DECIMAL = r"^-?[0-9]+(\.[0-9]{1,2})?$"
REGION = """CASE lower(trim({0})) WHEN 'n' THEN 'North' WHEN 's' THEN 'South' WHEN 'e' THEN 'East'
    WHEN 'w' THEN 'West' WHEN 'north' THEN 'North' WHEN 'south' THEN 'South' WHEN 'east' THEN 'East'
    WHEN 'west' THEN 'West' END"""
PAYMENT = """lower(replace(trim({0}), '_', ' ')) IN
    ('credit card', 'debit card', 'paypal', 'cash', 'gift card')"""

WEB = rf"""
CREATE TABLE web AS
WITH lines AS (
    SELECT line, filename, CASE WHEN json_valid(line) THEN line END AS j
    FROM read_csv(getvariable('root') || '/ecommerce_orders/*/orders-*',
        columns = {{'line': 'VARCHAR'}}, delim = '\x01', quote = '', escape = '',
        header = false, filename = true)
), texts AS (
    SELECT filename, line AS mark, j, nullif(trim(j->>'transaction_id'), '') AS id,
        nullif(trim(j->>'timestamp'), '') AS moment,
        nullif(trim(j->>'product_id'), '') AS product, nullif(trim(j->>'product_name'), '') AS name,
        nullif(trim(j->>'category'), '') AS category, nullif(trim(j->>'quantity'), '') AS quantity,
        nullif(trim(j->>'unit_price'), '') AS price, nullif(trim(j->>'total_amount'), '') AS total,
        j->>'customer_id' AS customer, nullif(trim(j->>'region'), '') AS region,
        nullif(trim(j->>'payment_method'), '') AS payment
    FROM lines
), typed AS (
    SELECT *, regexp_extract(filename, 'ingest_date=([0-9-]+)', 1)::DATE AS arrived,
        CASE WHEN regexp_matches(moment, '(Z|[+-][0-9]{{2}}:[0-9]{{2}})$')
            THEN try_cast(moment AS TIMESTAMPTZ)
            ELSE try_cast(moment AS TIMESTAMP) AT TIME ZONE 'Europe/London' END AS instant,
        try_cast(quantity AS BIGINT) AS q, try_cast(price AS DECIMAL(18,2)) AS p,
        try_cast(total AS DECIMAL(18,2)) AS t
    FROM texts
)
SELECT 'ecommerce_orders' AS dataset, 'web' AS channel, filename, arrived, mark,
    (instant AT TIME ZONE 'Europe/London')::DATE AS day, id, q AS quantity, t AS total,
    CAST(q * p AS DECIMAL(18,2)) AS calculated, false AS is_return, customer,
    {REGION.format("region")} AS region, category,
    CASE WHEN j IS NULL THEN 'unreadable'
        WHEN id IS NULL THEN 'required:transaction_id'
        WHEN NOT regexp_full_match(id, 'TXN[0-9]{{6,12}}') THEN 'bad_pattern:transaction_id'
        WHEN moment IS NULL THEN 'required:ordered_at'
        WHEN instant IS NULL THEN 'invalid:ordered_at'
        WHEN product IS NULL THEN 'required:product_id'
        WHEN name IS NULL THEN 'required:product_name'
        WHEN category IS NULL THEN 'required:category'
        WHEN quantity IS NULL THEN 'required:quantity' WHEN q IS NULL THEN 'invalid:quantity'
        WHEN q NOT BETWEEN 1 AND 1000 THEN 'out_of_range:quantity'
        WHEN price IS NULL THEN 'required:unit_price' WHEN p IS NULL THEN 'invalid:unit_price'
        WHEN p <= 0 THEN 'out_of_range:unit_price'
        WHEN total IS NULL THEN 'required:total_amount' WHEN t IS NULL THEN 'invalid:total_amount'
        WHEN t <= 0 THEN 'out_of_range:total_amount'
        WHEN texts_region IS NULL THEN 'required:region'
        WHEN {REGION.format("texts_region")} IS NULL THEN 'not_accepted:region'
        WHEN payment IS NULL THEN 'required:payment_method'
        WHEN NOT {PAYMENT.format("payment")} THEN 'not_accepted:payment_method'
        WHEN day > arrived THEN 'in_future:ordered_at'
        WHEN day < arrived - 3 THEN 'too_late:ordered_at' END AS reason
FROM (SELECT *, region AS texts_region FROM typed)
"""

CELLS = """
CREATE TABLE cells AS
    SELECT filename, nullif(trim(InvoiceNo), '') AS invoice, nullif(trim(StockCode), '') AS stock,
        nullif(trim(Description), '') AS name, nullif(trim(Quantity), '') AS quantity,
        nullif(trim(InvoiceDate), '') AS moment, nullif(trim(UnitPrice), '') AS price,
        nullif(trim(CustomerID), '') AS customer, nullif(trim(Country), '') AS country
    FROM read_csv(getvariable('root') || '/wholesale_invoices/*/*.csv',
        header = true, all_varchar = true, filename = true, delim = ',',
        quote = '"', escape = '"', store_rejects = true,
        columns = {'InvoiceNo': 'VARCHAR', 'StockCode': 'VARCHAR', 'Description': 'VARCHAR',
            'Quantity': 'VARCHAR', 'InvoiceDate': 'VARCHAR', 'UnitPrice': 'VARCHAR',
            'CustomerID': 'VARCHAR', 'Country': 'VARCHAR'})
"""

WHOLESALE = rf"""
CREATE TABLE wholesale AS
WITH typed AS (
    SELECT *, regexp_extract(filename, 'ingest_date=([0-9-]+)', 1)::DATE AS arrived,
        CASE WHEN regexp_full_match(moment, '[0-9]{{4}}-[0-9-]{{5}} [0-9:]{{8}}')
            THEN moment::TIMESTAMP END AS local,
        try_cast(quantity AS BIGINT) AS q,
        CASE WHEN regexp_matches(price, '{DECIMAL}') THEN price::DECIMAL(18,2) END AS p,
        starts_with(invoice, 'C') AS is_return
    FROM cells
)
SELECT 'wholesale_invoices' AS dataset, 'wholesale' AS channel, filename, arrived,
    coalesce(invoice, '') AS mark,
    local::DATE AS day,
    concat_ws('|', invoice, stock, coalesce(name, '?'), q, moment, p, coalesce(customer, '?'),
        country) AS id,
    q AS quantity, CAST(q * p AS DECIMAL(18,2)) AS total,
    CAST(q * p AS DECIMAL(18,2)) AS calculated, is_return, customer,
    country AS region, 'Wholesale' AS category,
    CASE WHEN invoice IS NULL THEN 'required:invoice_no'
        WHEN NOT regexp_full_match(invoice, '[CA]?[0-9]{{6}}') THEN 'bad_pattern:invoice_no'
        WHEN stock IS NULL THEN 'required:stock_code'
        WHEN quantity IS NULL THEN 'required:quantity' WHEN q IS NULL THEN 'invalid:quantity'
        WHEN moment IS NULL THEN 'required:invoiced_at'
        WHEN local IS NULL THEN 'invalid:invoiced_at'
        WHEN price IS NULL THEN 'required:unit_price' WHEN p IS NULL THEN 'invalid:unit_price'
        WHEN p <= 0 THEN 'out_of_range:unit_price'
        WHEN NOT regexp_full_match(customer, '[0-9]{{5}}(\.0)?') THEN 'bad_pattern:customer_ref'
        WHEN country IS NULL THEN 'required:country'
        WHEN q = 0 THEN 'rule:quantity_not_zero'
        WHEN is_return <> (q < 0) THEN 'rule:quantity_sign'
        WHEN day > arrived THEN 'in_future:invoiced_at'
        WHEN day < arrived - 3 THEN 'too_late:invoiced_at' END AS reason
FROM typed
UNION ALL BY NAME
SELECT DISTINCT 'wholesale_invoices' AS dataset, s.file_path AS filename,
    regexp_extract(s.file_path, 'ingest_date=([0-9-]+)', 1)::DATE AS arrived,
    'unreadable' AS reason, e.line::VARCHAR AS id, split_part(e.csv_line, ',', 1) AS mark
FROM reject_errors e JOIN reject_scans s USING (scan_id, file_id)
"""

VENDOR_CELLS = """
CREATE TABLE vendor_cells AS
    SELECT * FROM read_csv(getvariable('root') || '/vendor_sales/*/*.csv*',
        header = true, all_varchar = true, filename = true, delim = ';', quote = '"', escape = '"',
        store_rejects = true, rejects_table = 'vendor_errors', rejects_scan = 'vendor_scans',
        columns = {'vendor': 'VARCHAR', 'doc': 'VARCHAR', 'type': 'VARCHAR', 'moment': 'VARCHAR',
            'product': 'VARCHAR', 'name': 'VARCHAR', 'category': 'VARCHAR', 'quantity': 'VARCHAR',
            'price': 'VARCHAR', 'total': 'VARCHAR', 'region': 'VARCHAR'})
"""

# Groups of three by points, then at most two decimals behind a comma.
COMMA = r"^-?([0-9]+|[0-9]{1,3}(\.[0-9]{3})+)(,[0-9]{1,2})?$"


def amount(text: str) -> str:
    """Say in SQL: the number that the text is with points between thousands and a comma."""
    plain = f"replace(replace({text}, '.', ''), ',', '.')"
    return f"CASE WHEN regexp_matches({text}, '{COMMA}') THEN {plain}::DECIMAL(18,2) END"


VENDOR = rf"""
CREATE TABLE vendor AS
WITH texts AS (
    SELECT filename, vendor AS first, doc AS second, nullif(trim(vendor), '') AS vendor,
        nullif(trim(doc), '') AS doc, lower(nullif(trim(type), '')) AS type,
        nullif(trim(moment), '') AS moment, nullif(trim(product), '') AS product,
        nullif(trim(name), '') AS name, nullif(trim(category), '') AS category,
        nullif(trim(quantity), '') AS quantity, nullif(trim(price), '') AS price,
        nullif(trim(total), '') AS total, lower(nullif(trim(region), '')) AS region
    FROM vendor_cells
), typed AS (
    SELECT *, regexp_extract(filename, 'ingest_date=([0-9-]+)', 1)::DATE AS arrived,
        try_strptime(moment, '%d/%m/%Y %H:%M')::DATE AS day,
        {amount("quantity")} AS q, {amount("price")} AS p,
        {amount("total")} AS t,
        CASE WHEN type IN ('s', 'sale') THEN false
            WHEN type IN ('r', 'return', 'credit note') THEN true END AS returns,
        CASE WHEN region IN ('n', 'north', 'nord') THEN 'North'
            WHEN region IN ('s', 'south', 'süd', 'sued') THEN 'South'
            WHEN region IN ('e', 'east', 'ost') THEN 'East'
            WHEN region IN ('w', 'west') THEN 'West' END AS place
    FROM texts
)
SELECT 'vendor_sales' AS dataset, 'vendor' AS channel, filename, arrived,
    coalesce(first, '') || ';' || coalesce(second, '') AS mark, day,
    vendor || ' ' || doc AS id, q::BIGINT AS quantity, t AS total,
    CAST(q::BIGINT * p AS DECIMAL(18,2)) AS calculated, returns AS is_return,
    NULL AS customer, place AS region, category,
    CASE WHEN vendor IS NULL THEN 'required:vendor_id'
        WHEN NOT regexp_full_match(vendor, 'V[0-9]{{3}}') THEN 'bad_pattern:vendor_id'
        WHEN doc IS NULL THEN 'required:vendor_txn_id'
        WHEN NOT regexp_full_match(doc, '[0-9]{{6,12}}') THEN 'bad_pattern:vendor_txn_id'
        WHEN type IS NULL THEN 'required:doc_type'
        WHEN returns IS NULL THEN 'not_accepted:doc_type'
        WHEN moment IS NULL THEN 'required:sold_at' WHEN day IS NULL THEN 'invalid:sold_at'
        WHEN product IS NULL THEN 'required:product_id'
        WHEN name IS NULL THEN 'required:product_name'
        WHEN category IS NULL THEN 'required:category'
        WHEN quantity IS NULL THEN 'required:quantity'
        WHEN q IS NULL OR q <> floor(q) THEN 'invalid:quantity'
        WHEN abs(q) > 5000 THEN 'out_of_range:quantity'
        WHEN price IS NULL THEN 'required:unit_price' WHEN p IS NULL THEN 'invalid:unit_price'
        WHEN p <= 0 THEN 'out_of_range:unit_price'
        WHEN total IS NULL THEN 'required:total_amount' WHEN t IS NULL THEN 'invalid:total_amount'
        WHEN typed.region IS NULL THEN 'required:region'
        WHEN place IS NULL THEN 'not_accepted:region'
        WHEN q = 0 THEN 'rule:quantity_not_zero'
        WHEN returns <> (q < 0) THEN 'rule:quantity_sign'
        WHEN returns <> (t < 0) THEN 'rule:amount_sign'
        WHEN day > arrived THEN 'in_future:sold_at'
        WHEN day < arrived - 3 THEN 'too_late:sold_at' END AS reason
FROM typed
UNION ALL BY NAME
SELECT DISTINCT 'vendor_sales' AS dataset, s.file_path AS filename,
    regexp_extract(s.file_path, 'ingest_date=([0-9-]+)', 1)::DATE AS arrived,
    'unreadable' AS reason, e.line::VARCHAR AS id,
    split_part(e.csv_line, ';', 1) || ';' || split_part(e.csv_line, ';', 2) AS mark
FROM vendor_errors e JOIN vendor_scans s USING (scan_id, file_id)
"""

STORE = f"""
CREATE TABLE store AS
SELECT 'store_transactions' AS dataset, 'store' AS channel, filename,
    regexp_extract(filename, '([0-9-]+)\\.csv', 1)::DATE AS arrived,
    (sold_at AT TIME ZONE 'Europe/London')::DATE AS day,
    transaction_id AS id, transaction_id AS mark, quantity, total_amount AS total,
    CAST(quantity * unit_price AS DECIMAL(18,2)) AS calculated, is_return,
    customer_id AS customer, {REGION.format("region")} AS region, category,
    CASE WHEN quantity NOT BETWEEN -1000 AND 1000 THEN 'out_of_range:quantity'
        WHEN unit_price <= 0 THEN 'out_of_range:unit_price'
        WHEN {REGION.format("store.region")} IS NULL THEN 'not_accepted:region'
        WHEN NOT {PAYMENT.format("payment_method")} THEN 'not_accepted:payment_method'
        WHEN quantity = 0 THEN 'rule:quantity_not_zero'
        WHEN is_return <> (quantity < 0) THEN 'rule:quantity_sign'
        WHEN is_return <> (total_amount < 0) THEN 'rule:amount_sign'
        WHEN day <> arrived THEN 'not this day' END AS reason
FROM read_csv(getvariable('root') || '/store_transactions/*.csv', header = true, filename = true,
    columns = {{'transaction_id': 'VARCHAR', 'store_id': 'VARCHAR', 'sold_at': 'TIMESTAMPTZ',
        'product_id': 'VARCHAR', 'product_name': 'VARCHAR', 'category': 'VARCHAR',
        'quantity': 'BIGINT', 'unit_price': 'DECIMAL(18,2)', 'total_amount': 'DECIMAL(18,2)',
        'customer_id': 'VARCHAR', 'region': 'VARCHAR', 'payment_method': 'VARCHAR',
        'is_return': 'BOOLEAN'}}) AS store
"""

ROWS = """
CREATE TABLE rows AS
SELECT row_number() OVER () AS place, parse_filename(filename) AS file, * EXCLUDE (filename)
FROM (FROM web UNION ALL BY NAME FROM wholesale UNION ALL BY NAME FROM vendor
    UNION ALL BY NAME FROM store);
CREATE TABLE kept AS
SELECT * FROM rows WHERE reason IS NULL
QUALIFY row_number() OVER (
    PARTITION BY channel, day, id ORDER BY arrived DESC, file DESC, place DESC) = 1
"""

SUMS = """
SELECT {keys}, count(*) AS transactions, sum(quantity)::BIGINT AS units,
    coalesce(sum(total) FILTER (NOT is_return), 0.00)::DECIMAL(18,2)::VARCHAR AS gross_revenue,
    coalesce(sum(total) FILTER (is_return), 0.00)::DECIMAL(18,2)::VARCHAR AS returns,
    sum(total)::DECIMAL(18,2)::VARCHAR AS revenue, count(DISTINCT customer) AS customers,
    count(*) FILTER (total <> calculated) AS amount_mismatches
FROM kept GROUP BY ALL ORDER BY ALL
"""


def read(root: Path) -> duckdb.DuckDBPyConnection:
    """Read a delivery laid out by the command line; tables ``rows`` and ``kept``."""
    database = duckdb.connect(config={"threads": 2})
    database.execute("SET TimeZone = 'UTC'")
    database.execute("SET VARIABLE root = ?", [str(root)])
    for statement in (WEB, CELLS, WHOLESALE, VENDOR_CELLS, VENDOR, STORE, ROWS):
        database.execute(statement)
    return database


def sums(database: duckdb.DuckDBPyConnection, *keys: str) -> dict[str, Any]:
    """Return the sums of ``kept`` nested by the keys."""
    found = database.execute(SUMS.format(keys=", ".join(keys)))
    names = [column[0] for column in found.description]
    nested: dict[str, Any] = {}
    for row in found.fetchall():
        level = nested
        for name in row[: len(keys) - 1]:
            level = level.setdefault(str(name), {})
        level[str(row[len(keys) - 1])] = dict(
            zip(names[len(keys) :], row[len(keys) :], strict=True)
        )
    return nested
