"""Rules that compare the table with another one, and rules in SQL."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from awsgluedq.columns import ALL
from awsgluedq.conditions import holds
from awsgluedq.dqdl import Condition, DqdlError, Rule

PRIMARY = "primary"
AGGREGATE = re.compile(r"\s*(sum|avg)\s*\(\s*(?:([\w-]+)\.)?([^()\s]+)\s*\)\s*", re.IGNORECASE)
Sources = Mapping[str, DataFrame]


class NotComparable(Exception):
    """The rule fails for a reason that is no number, as on AWS."""


@dataclass(frozen=True)
class Measured:
    """What a rule of this kind comes to: its metric and what that has to meet."""

    metric: str
    value: float
    condition: Condition

    def passed(self) -> bool:
        """Whether the value meets the condition."""
        return holds(self.value, self.condition)


def measure(rule: Rule, frame: DataFrame, sources: Sources) -> Measured:
    """Measure a rule.

    Raises:
        NotComparable: Another table, or a column, is missing, or there are no rows.
        DqdlError: A parameter cannot be read.
        KeyError: The rule is of another kind.
    """
    return MEASURES[rule.kind](rule, frame, sources)


def _custom_sql(rule: Rule, frame: DataFrame, sources: Sources) -> Measured:
    for name, data in {**sources, PRIMARY: frame}.items():
        data.createOrReplaceTempView(name)
    answer = frame.sparkSession.sql(rule.parameters[0])
    if rule.condition is not None:
        row = answer.first()
        if row is None or len(row) != 1 or row[0] is None:
            raise NotComparable("the SQL statement does not give one number")
        return Measured("Dataset.*.CustomSQL", float(row[0]), rule.condition)
    extra = [name for name in answer.columns if name not in frame.columns]
    if extra or not answer.columns:
        raise NotComparable(
            "The columns returned from the SQL statement should only belong to the primary "
            f"table. Columns not found: {', '.join(extra)}"
        )
    total = frame.count()
    if not total:
        raise NotComparable("Custom SQL rule could not be evaluated due to data frame being empty")
    good = _matched(frame, answer.distinct(), {name: name for name in answer.columns})
    return Measured("Dataset.*.CustomSQL.Compliance", good.count() / total, rule.threshold or ALL)


def _referential(rule: Rule, frame: DataFrame, sources: Sources) -> Measured:
    names = [name.strip() for name in rule.parameters[0].split(",")]
    alias, _, listed = rule.parameters[1].partition(".")
    others = [name.strip() for name in listed.strip("{}").split(",")]
    reference = _source(alias, sources)
    _require(frame, names)
    _require(reference, others)
    if len(names) != len(others):
        raise DqdlError(f"{rule.text}: as many columns are needed on both sides")
    rows = frame.where(rule.where) if rule.where else frame
    total = rows.count()
    if not total:
        raise NotComparable("there are no rows to judge")
    keys = reference.select(*(_column(name) for name in others)).distinct()
    found = _matched(rows, keys, dict(zip(names, others, strict=True)), nulls=False)
    metric = f"Column.{rule.parameters[0]}.ReferentialIntegrity"
    return Measured(metric, found.count() / total, rule.condition or ALL)


def _matched(
    frame: DataFrame, other: DataFrame, columns: Mapping[str, str], nulls: bool = True
) -> DataFrame:
    """The rows that have an equal in another frame; nulls are equal if asked for."""
    renamed = other.select(*(_column(there).alias(f"__{there}") for there in columns.values()))
    tests = []
    for here, there in columns.items():
        one, two = _column(here), _column(f"__{there}")
        tests.append(one.eqNullSafe(two) if nulls else one == two)
    return frame.join(renamed, _every(tests), "left_semi")


def _dataset_match(rule: Rule, frame: DataFrame, sources: Sources) -> Measured:
    alias = rule.parameters[0]
    reference = _source(alias, sources)
    keys = _pairs(rule.parameters[1])
    rest = {name: name for name in frame.columns if name not in keys}
    compared = _pairs(rule.parameters[2]) if len(rule.parameters) == 3 else rest
    _require(frame, [*keys, *compared])
    _require(reference, [*keys.values(), *compared.values()])
    total = frame.count()
    if not total:
        raise NotComparable("Cannot evaluate: primary DataFrame is empty")
    good = _matched(frame, reference, {**keys, **compared})
    return Measured(f"Dataset.{alias}.DatasetMatch", good.count() / total, _needed(rule))


def _schema_match(rule: Rule, frame: DataFrame, sources: Sources) -> Measured:
    alias = rule.parameters[0]
    here = {name.lower(): kind for name, kind in frame.dtypes}
    there = {name.lower(): kind for name, kind in _source(alias, sources).dtypes}
    same = sum(there.get(name) == kind for name, kind in here.items())
    share = same / len(here) if here else float("nan")
    return Measured(f"Dataset.{alias}.SchemaMatch", share, _needed(rule))


def _row_count_match(rule: Rule, frame: DataFrame, sources: Sources) -> Measured:
    alias = rule.parameters[0]
    here, there = frame.count(), _source(alias, sources).count()
    return Measured(f"Dataset.{alias}.RowCountMatch", _ratio(here, there), _needed(rule))


def _aggregate_match(rule: Rule, frame: DataFrame, sources: Sources) -> Measured:
    values, names = [], []
    for text in rule.parameters:
        match = AGGREGATE.fullmatch(text)
        if match is None:
            raise DqdlError(f"{rule.text}: {text!r} is not sum(column) or avg(table.column)")
        function, alias, name = match.groups()
        data = _source(alias, {**sources, PRIMARY: frame}) if alias else frame
        _require(data, [name])
        aggregate = F.sum if function.lower() == "sum" else F.avg
        row = data.agg(aggregate(_column(name)).cast("double")).first()
        if row is None or row[0] is None:
            raise NotComparable(f"{text} has no value")
        values.append(float(row[0]))
        names.append(name)
    shown = names[0] if names[0] == names[1] else ",".join(names)
    return Measured(f"Column.{shown}.AggregateMatch", _ratio(*values), _needed(rule))


def _ratio(first: float, second: float) -> float:
    if first == second == 0:
        return 1.0
    return first / second if second else 0.0


def _source(alias: str, sources: Sources) -> DataFrame:
    if alias not in sources:
        raise NotComparable(f"{alias} not found in additional sources")
    return sources[alias]


def _require(frame: DataFrame, names: Sequence[str]) -> None:
    for name in names:
        if name not in frame.columns:
            raise NotComparable(f"Input data does not include column {name}!")


def _pairs(text: str) -> dict[str, str]:
    """`a,b->c` as {a: a, b: c}."""
    pairs = (item.partition("->") for item in text.split(","))
    return {here.strip(): (there or here).strip() for here, _, there in pairs}


def _needed(rule: Rule) -> Condition:
    if rule.condition is None:
        raise DqdlError(f"{rule.text}: {rule.kind} needs a condition")
    return rule.condition


def _every(tests: Sequence[Column]) -> Column:
    return reduce(lambda one, two: one & two, tests)


def _column(name: str) -> Column:
    return F.col(f"`{name}`")


MEASURES: Mapping[str, Callable[[Rule, DataFrame, Sources], Measured]] = {
    "AggregateMatch": _aggregate_match,
    "CustomSql": _custom_sql,
    "DatasetMatch": _dataset_match,
    "ReferentialIntegrity": _referential,
    "RowCountMatch": _row_count_match,
    "SchemaMatch": _schema_match,
}
