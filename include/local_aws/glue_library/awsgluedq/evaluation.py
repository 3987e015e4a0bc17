"""Rules + DataFrame -> outcomes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce

from pyspark.errors import AnalysisException, ParseException
from pyspark.sql import Column, DataFrame

from awsgluedq import columns, datasets
from awsgluedq.columns import MissingColumn, Plan
from awsgluedq.datasets import NotComparable, Sources
from awsgluedq.dqdl import Composite, Rule, parse
from awsgluedq.rule_types import check


@dataclass(frozen=True)
class Outcome:
    """What became of one rule.

    Attributes:
        rule: Its text.
        passed: Whether the data meets it.
        reason: Why not.
        metrics: What was measured.
        row: Whether each row meets it, for rules about rows.
    """

    rule: str
    passed: bool
    reason: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    row: Column | None = None


def evaluate(frame: DataFrame, ruleset: str, sources: Sources | None = None) -> list[Outcome]:
    """Judge a table.

    Args:
        frame: The table.
        ruleset: DQDL.
        sources: Other tables, by the names that the rules call them.

    Returns:
        One outcome per rule, in their order. A rule about a column or a table that is not there,
        or with SQL that fails, has failed.

    Raises:
        DqdlError: The ruleset cannot be read, or a rule is unknown or not supported here.
    """
    rules = parse(ruleset)
    check(rules)
    single = list(dict.fromkeys(_single(rules)))
    outcomes = dict(_judged(frame, single, sources or {}))
    return [_outcome(rule, outcomes) for rule in rules]


def _single(rules: Sequence[Rule | Composite]) -> Iterator[Rule]:
    for rule in rules:
        if isinstance(rule, Composite):
            yield from _single(rule.rules)
        else:
            yield rule


def _judged(
    frame: DataFrame, rules: Sequence[Rule], sources: Sources
) -> Iterator[tuple[Rule, Outcome]]:
    plans: dict[Rule, Plan] = {}
    for rule in rules:
        try:
            if rule.kind in datasets.MEASURES:
                yield rule, _compared(rule, frame, sources)
            elif plan := columns.plan(rule, frame):
                _try_out(frame, rule, plan)
                plans[rule] = plan
        except (MissingColumn, NotComparable, AnalysisException, ParseException) as error:
            yield rule, Outcome(rule.text, False, str(error).splitlines()[0])
    measured = _measured(frame, plans)
    for rule, plan in plans.items():
        metrics = {**measured[rule], **(plan.counts(frame) if plan.counts else {})}
        passed, reason = columns.verdict(plan, metrics)
        known = {name: float(value) for name, value in metrics.items() if value is not None}
        yield rule, Outcome(rule.text, passed, reason, known, plan.row)


def _compared(rule: Rule, frame: DataFrame, sources: Sources) -> Outcome:
    found = datasets.measure(rule, frame, sources)
    passed = found.passed()
    reason = "" if passed else f"Value: {found.value} does not meet the constraint requirement."
    return Outcome(rule.text, passed, reason, {found.metric: found.value})


def _try_out(frame: DataFrame, rule: Rule, plan: Plan) -> None:
    """Have Spark look at a plan's expressions, a `where` above all, before all are run as one."""
    if plan.aggregates:
        frame.agg(*plan.aggregates.values())
    if rule.where:
        frame.where(rule.where)


def _measured(frame: DataFrame, plans: Mapping[Rule, Plan]) -> dict[Rule, dict[str, float | None]]:
    """All aggregates of all plans, in one pass."""
    wanted = [
        (rule, metric, column)
        for rule, plan in plans.items()
        for metric, column in plan.aggregates.items()
    ]
    found: dict[Rule, dict[str, float | None]] = {rule: {} for rule in plans}
    if wanted:
        row = frame.agg(*(column for _, _, column in wanted)).first()
        for (rule, metric, _), value in zip(wanted, row or (), strict=True):
            found[rule][metric] = None if value is None else float(value)
    return found


def _outcome(rule: Rule | Composite, outcomes: Mapping[Rule, Outcome]) -> Outcome:
    """The outcome of a rule; composites combine those of their rules, each for the whole table."""
    if isinstance(rule, Rule):
        return outcomes[rule]
    members = [_outcome(member, outcomes) for member in rule.rules]
    verdicts = [member.passed for member in members]
    passed = all(verdicts) if rule.operator == "and" else any(verdicts)
    reasons = [member.reason for member in members if member.reason]
    metrics = {name: value for member in members for name, value in member.metrics.items()}
    rows = [member.row for member in members if member.row is not None]
    row = None
    if len(rows) == len(members):
        row = reduce(lambda one, two: one & two if rule.operator == "and" else one | two, rows)
    return Outcome(rule.text, passed, "" if passed else "; ".join(reasons), metrics, row)
