"""The tables that marts are built from and checked against, empty, in DuckDB."""

import duckdb

from include.lake.catalog import SALES_COLUMNS
from include.lake.marts import load_marts


def create(database: duckdb.DuckDBPyConnection) -> None:
    """Creates them, with the lake's types and names, and what DuckDB calls otherwise."""
    database.execute(
        "CREATE SCHEMA retail_silver; CREATE SCHEMA retail_gold;"
        "CREATE MACRO regexp_like(text, pattern) AS regexp_matches(text, pattern)"
    )
    tables = {
        "retail_silver.sales": {**SALES_COLUMNS, "sale_date": "date"},
        "retail_silver.products": {"product_id": "string"},
        **{
            f"retail_gold.{mart.name}": {column.name: column.type for column in mart.columns}
            for mart in load_marts()
        },
    }
    for name, columns in tables.items():
        listed = ", ".join(f'"{column}" {kind}' for column, kind in columns.items())
        database.execute(f"CREATE TABLE {name} ({listed}, release varchar)")
