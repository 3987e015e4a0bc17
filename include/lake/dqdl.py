"""A mart's checks as rulesets of Glue Data Quality, in its language (DQDL).

The pipeline checks every build with one Athena statement (see ``checks``); the rulesets let Glue
judge the same promises, on demand or on a schedule. DQDL has no severities, so a mart has two:
``<mart>_fail`` and ``<mart>_warn``. Both verdicts are the same for every rule that is in both
languages; ``NOT_IN_DQDL`` names those that are not.

In a rule's SQL, which is Spark's, ``primary`` is the mart and ``silver`` the sales that it was
built from. Source of the grammar: AWS Glue developer guide, "Data Quality Definition Language
(DQDL) reference".
"""

from collections.abc import Iterator, Mapping
from typing import Any

from include.lake import values
from include.lake.checks import accepted_values, check_names, reference_pattern
from include.lake.contracts import Lake
from include.lake.marts import DAY, Mart, MartColumn

#: Why checks of these names, or of names that begin so, have no rule.
NOT_IN_DQDL: Mapping[str, str] = {
    "fresh": "DataFreshness is about the clock, the check about the days that a run is for",
    # Dynamic rules are evaluated in Glue ETL only: "Data Quality Definition Language", first note.
    "rows_as_usual": "last(n) is about former evaluations, the check about what is published",
}
#: Alias of the release's sales among an evaluation's data sources.
SILVER = "silver"


def rulesets(lake: Lake, mart: Mart) -> dict[str, str]:
    """The text of a mart's rulesets by their name; there is none without a rule."""
    severities = check_names(lake, mart)
    found: dict[str, list[str]] = {}
    for check, rule in rules(lake, mart).items():
        found.setdefault(f"{mart.name}_{severities[check]}", []).append(rule)
    return {name: "Rules = [\n    " + ",\n    ".join(of) + "\n]" for name, of in found.items()}


def rules(lake: Lake, mart: Mart) -> dict[str, str]:
    """Rule by the name of its check, for all checks but those in ``NOT_IN_DQDL``."""
    found = {
        "rows_exist": _zero(f"count(*) FROM {SILVER} WHERE NOT EXISTS (SELECT 1 FROM primary)"),
        "right_days": _zero(
            f"count(*) FROM (SELECT DISTINCT {DAY} FROM primary) AS gold FULL OUTER JOIN "
            f"(SELECT DISTINCT {DAY} FROM {SILVER}) AS silver ON gold.{DAY} = silver.{DAY} "
            f"WHERE gold.{DAY} IS NULL OR silver.{DAY} IS NULL"
        ),
        "grain_unique": _if_rows(
            _zero(f"count(*) - count(DISTINCT struct({', '.join(mart.grain)})) FROM primary")
        ),
    }
    for column in mart.columns:
        found |= dict(_of_column(lake, column))
    for check in mart.checks:
        held = f"SELECT ({check.sql}) AS held FROM primary GROUP BY {DAY}"
        unheld = _zero(f"count(*) FROM ({held}) WHERE NOT coalesce(held, false)")
        found[check.name] = _if_rows(unheld)
    return found


def evaluation(lake: Lake, mart: Mart, release: str) -> dict[str, Any]:
    """Arguments of StartDataQualityRulesetEvaluationRun that judge one release of a mart.

    Those that are missing are the names of the deployed rulesets, and a role that Glue may assume
    and that may read silver and gold.

    Raises:
        UnsafeValueError: that is no release id.
    """
    only = {"pushDownPredicate": f"release = '{values.release(release)}'"}

    def source(database: str, table: str) -> dict[str, Any]:
        place = {"DatabaseName": database, "TableName": table}
        return {"GlueTable": {**place, "AdditionalOptions": only}}

    more = {SILVER: "sales", **{each: each for each in _references(mart)}}
    return {
        "DataSource": source(lake.gold_database, mart.name),
        "AdditionalDataSources": {
            alias: source(lake.silver_database, table) for alias, table in more.items()
        },
    }


def _references(mart: Mart) -> list[str]:
    return sorted({column.references for column in mart.columns if column.references})


def _of_column(lake: Lake, column: MartColumn) -> Iterator[tuple[str, str]]:
    name = column.name
    if column.required:
        yield f"not_null_{name}", _if_rows(f'IsComplete "{name}"')
    given = "" if column.required else f' where "{name} is not null"'
    bounds = {">=": column.minimum, "<=": column.maximum}
    within = [
        f'ColumnValues "{name}" {sign} {bound}{given}'
        for sign, bound in bounds.items()
        if bound is not None
    ]
    if within:
        yield f"range_{name}", _if_rows(*within)
    if accepted := accepted_values(lake, column):
        listed = ", ".join(f'"{_escaped(value)}"' for value in accepted)
        yield f"accepted_{name}", _if_rows(f'ColumnValues "{name}" in [{listed}]{given}')
    if column.reconciles_with:
        yield (
            f"reconciles_{name}",
            _zero(
                f"count(*) FROM (SELECT {DAY}, sum({name}) AS total FROM primary GROUP BY {DAY}) "
                f"AS gold FULL OUTER JOIN (SELECT {DAY}, {column.reconciles_with} AS total FROM "
                f"{SILVER} GROUP BY {DAY}) AS silver ON gold.{DAY} = silver.{DAY} "
                f"WHERE coalesce(gold.total, 0) <> coalesce(silver.total, 0)"
            ),
        )
    if column.references:
        pattern = reference_pattern(lake, column).replace("\\", "\\\\")
        yield (
            f"known_{name}",
            _zero(
                f"count(*) FROM primary LEFT ANTI JOIN {column.references} ON "
                f"{column.references}.{name} = primary.{name} "
                f"WHERE primary.{name} RLIKE {values.literal(f'^(?:{pattern})$')}"
            ),
        )


def _zero(counted: str) -> str:
    """A rule that what a SELECT counts is zero."""
    return f'CustomSql "{_escaped(f"SELECT {counted}")}" = 0'


def _if_rows(*each: str) -> str:
    """Rules about rows: where there is none Glue knows no column; ``rows_exist`` judges that."""
    every = each[0] if len(each) == 1 else " and ".join(f"({rule})" for rule in each)
    return f"(RowCount = 0) or ({every})"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
