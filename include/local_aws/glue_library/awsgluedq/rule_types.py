"""What each rule type takes; a rule that does not fit is refused before any data is read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from awsgluedq.dqdl import Composite, Condition, DqdlError, Duration, Keyword, Rule


@dataclass(frozen=True)
class RuleType:
    """The shape of a rule type.

    Attributes:
        parameters: How many there are, at least and at most.
        condition: `number`, `value` (also texts and dates), `duration` or "" for none.
        optional: Whether the condition may be missing.
        threshold: Whether `with threshold` may follow.
        where: Whether `where` may follow.
    """

    parameters: tuple[int, int]
    condition: str = ""
    optional: bool = False
    threshold: bool = False
    where: bool = False


MANY = 100
RULE_TYPES: Mapping[str, RuleType] = {
    "AggregateMatch": RuleType((2, 2), "number"),
    "ColumnCorrelation": RuleType((2, 2), "number", where=True),
    "ColumnCount": RuleType((0, 0), "number"),
    "ColumnDataType": RuleType((1, 1), "value", threshold=True, where=True),
    "ColumnExists": RuleType((1, 1)),
    "ColumnLength": RuleType((1, 1), "number", where=True),
    "ColumnNamesMatchPattern": RuleType((1, 1)),
    "ColumnValues": RuleType((1, 1), "value", threshold=True, where=True),
    "Completeness": RuleType((1, 1), "number", where=True),
    "CustomSql": RuleType((1, 1), "number", optional=True, threshold=True),
    "DataFreshness": RuleType((1, 1), "duration", where=True),
    "DatasetMatch": RuleType((2, 3), "number"),
    "DistinctValuesCount": RuleType((1, 1), "number", where=True),
    "Entropy": RuleType((1, 1), "number", where=True),
    "IsComplete": RuleType((1, 1), where=True),
    "IsPrimaryKey": RuleType((1, MANY), where=True),
    "IsUnique": RuleType((1, 1), where=True),
    "Mean": RuleType((1, 1), "number", where=True),
    "ReferentialIntegrity": RuleType((2, 2), "number", optional=True, where=True),
    "RowCount": RuleType((0, 0), "number", where=True),
    "RowCountMatch": RuleType((1, 1), "number"),
    "SchemaMatch": RuleType((1, 1), "number"),
    "StandardDeviation": RuleType((1, 1), "number", where=True),
    "Sum": RuleType((1, 1), "number", where=True),
    "UniqueValueRatio": RuleType((1, 1), "number", where=True),
    "Uniqueness": RuleType((1, 1), "number", where=True),
}
# AWS has them, but what they look at is not here
NOT_HERE = {
    "AllStatistics": "it is an analyzer",
    "DetectAnomalies": "there is no history of statistics",
    "FileFreshness": "rules about files; rules about tables are",
    "FileMatch": "rules about files; rules about tables are",
    "FileSize": "rules about files; rules about tables are",
    "FileUniqueness": "rules about files; rules about tables are",
}


def check(rules: Sequence[Rule | Composite]) -> None:
    """Refuse what is no rule of DQDL, or none that can be evaluated here.

    Raises:
        DqdlError: The rule and what is wrong with it.
    """
    for rule in rules:
        if isinstance(rule, Composite):
            check(rule.rules)
        else:
            _check_rule(rule)


def _check_rule(rule: Rule) -> None:
    if rule.kind in NOT_HERE:
        raise DqdlError(f"{rule.text}: not supported here: {rule.kind}: {NOT_HERE[rule.kind]}")
    kind = RULE_TYPES.get(rule.kind)
    if kind is None:
        raise DqdlError(f"{rule.text}: there is no rule type {rule.kind!r}")
    least, most = kind.parameters
    if not least <= len(rule.parameters) <= most:
        wanted = str(least) if least == most else f"{least} to {most}"
        raise DqdlError(f"{rule.text}: {rule.kind} takes {wanted} quoted parameters")
    if rule.condition is None and kind.condition and not kind.optional:
        raise DqdlError(f"{rule.text}: {rule.kind} needs a condition, such as > 0")
    if rule.condition is not None:
        _check_condition(rule, rule.condition, kind.condition)
    if rule.threshold is not None:
        if not kind.threshold:
            raise DqdlError(f"{rule.text}: {rule.kind} takes no threshold")
        _check_condition(rule, rule.threshold, "number")
    if rule.where is not None and not kind.where:
        raise DqdlError(f"{rule.text}: {rule.kind} takes no where")


def _check_condition(rule: Rule, condition: Condition, kind: str) -> None:
    wanted = {"number": Decimal, "duration": Duration}.get(kind)
    if not kind:
        raise DqdlError(f"{rule.text}: {rule.kind} takes no condition")
    if wanted and not all(isinstance(operand, wanted) for operand in condition.operands):
        raise DqdlError(f"{rule.text}: the condition of {rule.kind} is about a {kind}")
    operator = condition.operator.removeprefix("not ")
    if operator == "matches" and not isinstance(condition.operands[0], str):
        raise DqdlError(f"{rule.text}: matches is followed by a quoted regular expression")
    ordered = operator in (">", ">=", "<", "<=", "between")
    if ordered and any(isinstance(operand, Keyword) for operand in condition.operands):
        raise DqdlError(f"{rule.text}: keywords can be compared with = and in only")
    if not condition.operands:
        raise DqdlError(f"{rule.text}: the list is empty")
