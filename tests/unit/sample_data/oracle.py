"""An independent reading of delivered files: DuckDB over the raw bytes, by the contracts' words.

Shares nothing with ``include.sample_data``: it reads text, judges each row by the rules written out
here, removes duplicates and sums. What it finds must be what was planted. The column ``mark`` holds
what finds a row again in its file: the line, or the first cell of a CSV (of the vendors' and of
stock counts the first two), or what ``element_mark`` says of an element of XML.

A database holds on a day all that the files of all days say, as far as its extract asks for it.
"""

import gzip
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

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

FEED = r"""
CREATE TABLE feed AS
SELECT 'product_feed' AS dataset, filename, arrived, n, mark, arrived AS day, id, name, category,
    CASE WHEN twice THEN 'unreadable'
        WHEN id IS NULL THEN 'required:product_id'
        WHEN NOT regexp_full_match(id, 'P[0-9]{3,6}') THEN 'bad_pattern:product_id'
        WHEN name IS NULL THEN 'required:product_name'
        WHEN category IS NULL THEN 'required:category'
        WHEN price IS NULL THEN 'required:price'
        WHEN NOT regexp_full_match(price, '-?[0-9]+([.][0-9]{1,2})?') THEN 'invalid:price'
        WHEN price::DECIMAL(18,2) <= 0 THEN 'out_of_range:price'
        WHEN updated IS NULL THEN 'required:updated_at'
        WHEN try_cast(updated AS TIMESTAMPTZ) IS NULL THEN 'invalid:updated_at' END AS reason
FROM elements;
CREATE TABLE products AS
SELECT * FROM feed WHERE reason IS NULL
QUALIFY row_number() OVER (PARTITION BY arrived, id ORDER BY filename DESC, n DESC) = 1
"""

STOCK = """
CREATE TABLE stock AS
SELECT 'inventory_levels' AS dataset, filename,
    regexp_extract(filename, '([0-9-]+)\\.csv', 1)::DATE AS arrived,
    concat_ws(',', store_id, product_id) AS mark,
    (counted_at AT TIME ZONE 'Europe/London')::DATE AS day,
    concat_ws(',', store_id, product_id, stock_date) AS id,
    CASE WHEN NOT regexp_full_match(store_id, 'ST[0-9]{3}') THEN 'bad_pattern:store_id'
        WHEN on_hand NOT BETWEEN 0 AND 1000000 THEN 'out_of_range:on_hand'
        WHEN on_order < 0 THEN 'out_of_range:on_order'
        WHEN stock_date <> day THEN 'rule:counted_on_its_day'
        WHEN day <> arrived THEN 'not this day' END AS reason
FROM read_csv(getvariable('root') || '/inventory_levels/*.csv', header = true, filename = true,
    columns = {'store_id': 'VARCHAR', 'product_id': 'VARCHAR', 'stock_date': 'DATE',
        'on_hand': 'BIGINT', 'on_order': 'BIGINT', 'counted_at': 'TIMESTAMPTZ'})
"""

CUSTOMERS = f"""
CREATE TABLE people AS
WITH files AS (
    SELECT *, regexp_extract(filename, '([0-9-]+)\\.csv', 1)::DATE AS arrived
    FROM read_csv(getvariable('root') || '/customers/*.csv', header = true, filename = true,
        columns = {{'customer_id': 'VARCHAR', 'name': 'VARCHAR', 'email': 'VARCHAR',
            'region': 'VARCHAR', 'segment': 'VARCHAR', 'registered_at': 'TIMESTAMPTZ',
            'updated_at': 'TIMESTAMPTZ'}})
), held AS (
    SELECT DISTINCT * EXCLUDE (filename, arrived) FROM files
)
SELECT 'customers' AS dataset, days.filename, days.arrived, customer_id AS mark,
    days.arrived AS day, customer_id AS id, {REGION.format("region")} AS place,
    CASE WHEN NOT regexp_full_match(customer_id, 'CUST[0-9]{{4,7}}') THEN 'bad_pattern:customer_id'
        WHEN name IS NULL THEN 'required:name'
        WHEN NOT regexp_full_match(email, '[^@ ]+@[^@ ]+[.][^@ ]+') THEN 'bad_pattern:email'
        WHEN region IS NOT NULL AND place IS NULL THEN 'not_accepted:region'
        WHEN lower(segment) NOT IN ('consumer', 'small business', 'corporate')
            THEN 'not_accepted:segment'
        WHEN updated_at < registered_at THEN 'rule:updated_since_registration' END AS reason
FROM held JOIN (SELECT DISTINCT filename, arrived FROM files) AS days
    ON (registered_at AT TIME ZONE 'Europe/London')::DATE <= days.arrived
"""

MARKETPLACE = rf"""
CREATE TABLE marketplace AS
WITH texts AS (
    SELECT filename, line AS mark, nullif(trim(j->>'sale_id'), '') AS id,
        regexp_extract(filename, '([0-9-]+)[.]jsonl', 1)::DATE AS arrived,
        ((j->>'sold_at')::TIMESTAMPTZ AT TIME ZONE 'Europe/London')::DATE AS day,
        nullif(trim(j->>'sku'), '') AS sku, nullif(trim(j->>'quantity'), '') AS quantity,
        nullif(trim(j->>'unit_price'), '') AS price, nullif(trim(j->>'total_amount'), '') AS total,
        j->>'buyer_id' AS buyer, nullif(trim(j->>'payment_method'), '') AS payment,
        j->>'is_return' AS returned
    FROM (SELECT *, line::JSON AS j FROM read_csv(
        getvariable('root') || '/marketplace_sales/*.jsonl', columns = {{'line': 'VARCHAR'}},
        delim = '\x01', quote = '', escape = '', header = false, filename = true))
), typed AS (
    SELECT *,
        CASE WHEN regexp_full_match(quantity, '-?[0-9]+') THEN quantity::BIGINT END AS q,
        CASE WHEN regexp_matches(price, '{DECIMAL}') THEN price::DECIMAL(18,2) END AS p,
        CASE WHEN regexp_matches(total, '{DECIMAL}') THEN total::DECIMAL(18,2) END AS t,
        try_cast(returned AS BOOLEAN) AS is_return
    FROM texts
)
SELECT 'marketplace_sales' AS dataset, 'marketplace' AS channel, typed.filename, typed.arrived,
    typed.mark, typed.day, typed.id, q AS quantity, t AS total,
    CAST(q * p AS DECIMAL(18,2)) AS calculated, is_return, buyer AS customer,
    coalesce(people.place, 'Unknown') AS region, coalesce(products.category, 'Unknown') AS category,
    CASE WHEN typed.id IS NULL THEN 'required:sale_id'
        WHEN NOT regexp_full_match(typed.id, 'MP-[0-9]{{5}}-[0-9]{{7}}') THEN 'bad_pattern:sale_id'
        WHEN sku IS NULL THEN 'required:sku'
        WHEN quantity IS NULL THEN 'required:quantity' WHEN q IS NULL THEN 'invalid:quantity'
        WHEN q NOT BETWEEN -1000 AND 1000 THEN 'out_of_range:quantity'
        WHEN price IS NULL THEN 'required:unit_price' WHEN p IS NULL THEN 'invalid:unit_price'
        WHEN p <= 0 THEN 'out_of_range:unit_price'
        WHEN total IS NULL THEN 'required:total_amount' WHEN t IS NULL THEN 'invalid:total_amount'
        WHEN NOT regexp_full_match(buyer, 'CUST[0-9]{{4,7}}') THEN 'bad_pattern:buyer_id'
        WHEN payment IS NULL THEN 'required:payment_method'
        WHEN lower(replace(payment, '_', ' ')) NOT IN
            ('wallet', 'credit card', 'debit card', 'paypal', 'gift card')
            THEN 'not_accepted:payment_method'
        WHEN returned IS NULL THEN 'required:is_return'
        WHEN is_return IS NULL THEN 'invalid:is_return'
        WHEN q = 0 THEN 'rule:quantity_not_zero'
        WHEN is_return <> (q < 0) THEN 'rule:quantity_sign'
        WHEN is_return <> (t < 0) THEN 'rule:amount_sign'
        WHEN typed.day <> typed.arrived THEN 'not this day' END AS reason
FROM typed
LEFT JOIN products ON products.arrived = typed.day AND products.id = sku
LEFT JOIN people ON people.arrived = typed.day AND people.id = buyer AND people.reason IS NULL
ORDER BY typed.filename, (typed.mark::JSON->>'sold_at')::TIMESTAMPTZ
"""

ROWS = """
CREATE TABLE rows AS
SELECT row_number() OVER () AS place, parse_filename(filename) AS file, * EXCLUDE (filename)
FROM (FROM web UNION ALL BY NAME FROM wholesale UNION ALL BY NAME FROM vendor
    UNION ALL BY NAME FROM store UNION ALL BY NAME FROM marketplace
    UNION ALL BY NAME (SELECT * EXCLUDE (n, name, category) FROM feed ORDER BY filename, n)
    UNION ALL BY NAME FROM stock UNION ALL BY NAME (SELECT * EXCLUDE (place) FROM people));
CREATE TABLE kept AS
SELECT * FROM rows WHERE reason IS NULL
QUALIFY row_number() OVER (
    PARTITION BY dataset, day, id ORDER BY arrived DESC, file DESC, place DESC) = 1
"""

SUMS = """
SELECT {keys}, count(*) AS transactions, sum(quantity)::BIGINT AS units,
    coalesce(sum(total) FILTER (NOT is_return), 0.00)::DECIMAL(18,2)::VARCHAR AS gross_revenue,
    coalesce(sum(total) FILTER (is_return), 0.00)::DECIMAL(18,2)::VARCHAR AS returns,
    sum(total)::DECIMAL(18,2)::VARCHAR AS revenue, count(DISTINCT customer) AS customers,
    count(*) FILTER (total <> calculated) AS amount_mismatches
FROM kept WHERE channel IS NOT NULL GROUP BY ALL ORDER BY ALL
"""


def read(root: Path) -> duckdb.DuckDBPyConnection:
    """Read a delivery laid out by the command line; tables ``rows`` and ``kept``."""
    database = duckdb.connect(config={"threads": 2})
    database.execute("SET TimeZone = 'UTC'")
    database.execute("SET VARIABLE root = ?", [str(root)])
    database.execute(
        "CREATE TABLE elements (filename TEXT, arrived DATE, n INT, mark TEXT, twice BOOL,"
        " id TEXT, name TEXT, category TEXT, price TEXT, updated TEXT)"
    )
    database.executemany(f"INSERT INTO elements VALUES ({', '.join('?' * 10)})", elements(root))
    sales = (WEB, CELLS, WHOLESALE, VENDOR_CELLS, VENDOR, STORE)
    for statement in (*sales, FEED, STOCK, CUSTOMERS, MARKETPLACE, ROWS):
        database.execute(statement)
    return database


def elements(root: Path) -> list[tuple[Any, ...]]:
    """Return the rows of ``elements``: every product of the feeds, its texts trimmed or null."""
    found = []
    for path in sorted(root.glob("product_feed/*/*.xml*")):
        content = path.read_bytes()
        content = gzip.decompress(content) if path.suffix == ".gz" else content
        for n, product in enumerate(ElementTree.fromstring(content).iter("product")):
            names = ("product_id", "name", "category", "price", "updated")
            texts = [(product.findtext(name) or "").strip() or None for name in names]
            twice = len(product.findall("name")) > 1
            day = path.parent.name.removeprefix("ingest_date=")
            found.append((str(path), day, n, element_mark(product), twice, *texts))
    return found


def element_mark(product: ElementTree.Element) -> str:
    """Return what finds an element of the feed again."""
    return "|".join(child.text or "" for child in product)


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
