"""EvaluateDataQuality, as Glue scripts use it."""

import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import boto3
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from awsglue import bookmarks, local_service
from awsglue.dynamicframe import DynamicFrame, DynamicFrameCollection
from awsglue.errors import NotSupportedHere
from awsglue.listing import bucket_and_key
from awsglue.transforms import GlueTransform
from awsgluedq.evaluation import Outcome, evaluate

SCHEMA = "Rule string, Outcome string, FailureReason string, EvaluatedMetrics map<string,double>"
NAMESPACE = "Glue Data Quality"
PUBLISHING = {
    "dataQualityEvaluationContext",
    "enableDataQualityCloudWatchMetrics",
    "enableDataQualityResultsPublishing",
    "resultsS3Prefix",
}
WITHOUT_EFFECT = {"observations.scope", "performanceTuning.caching"}


class EvaluateDataQuality(GlueTransform):
    """Judges a frame by a DQDL ruleset."""

    DATA_QUALITY_RULE_OUTCOMES_KEY = "ruleOutcomes"
    DATA_QUALITY_ROW_LEVEL_OUTCOMES_KEY = "rowLevelOutcomes"

    def __call__(
        self,
        frame: DynamicFrame,
        ruleset: str,
        publishing_options: Mapping[str, Any] | None = None,
        *_: Any,
        **__: Any,
    ) -> DynamicFrame:
        """Judge.

        Args:
            frame: The rows.
            ruleset: DQDL.
            publishing_options: dataQualityEvaluationContext, enableDataQualityCloudWatchMetrics
                (False), enableDataQualityResultsPublishing (True), resultsS3Prefix.

        Returns:
            A row per rule: Rule, Outcome (Passed or Failed), FailureReason, EvaluatedMetrics.

        Raises:
            DqdlError: A rule is unknown, cannot be read or is not supported here.
        """
        outcomes = evaluate(frame.toDF(), ruleset)
        _publish(outcomes, publishing_options or {})
        return _as_frame(outcomes, frame)

    def process_rows(
        self,
        frame: DynamicFrame,
        ruleset: str,
        publishing_options: Mapping[str, Any] | None = None,
        additional_options: Mapping[str, Any] | None = None,
        additional_data_sources: Mapping[str, DynamicFrame] | None = None,
        *_: Any,
        **__: Any,
    ) -> DynamicFrameCollection:
        """Judge, and mark each row.

        Args:
            frame: The rows.
            ruleset: DQDL.
            publishing_options: As in `__call__`.
            additional_options: compositeRuleEvaluation.method: DATASET (ROW is missing).
            additional_data_sources: Other tables, by the names that the rules call them.

        Returns:
            ruleOutcomes: as `__call__` gives; rowLevelOutcomes: the rows with the rules that they
            pass, fail and that are not about rows (DataQualityRulesPass, -Fail and -Skip), and
            DataQualityEvaluationResult, Passed or Failed.
        """
        asked = dict(additional_options or {})
        if asked.pop("compositeRuleEvaluation.method", "DATASET") != "DATASET":
            raise NotSupportedHere("compositeRuleEvaluation.method ROW")
        if unknown := set(asked) - WITHOUT_EFFECT:
            raise NotSupportedHere(f"the option {sorted(unknown)[0]!r} of process_rows")
        rows = frame.toDF()
        others = {name: data.toDF() for name, data in (additional_data_sources or {}).items()}
        outcomes = evaluate(rows, ruleset, others)
        _publish(outcomes, publishing_options or {})
        marked = DynamicFrame(_marked(rows, outcomes), frame.glue_ctx, "rowLevelOutcomes")
        frames = {
            self.DATA_QUALITY_ROW_LEVEL_OUTCOMES_KEY: marked,
            self.DATA_QUALITY_RULE_OUTCOMES_KEY: _as_frame(outcomes, frame),
        }
        return DynamicFrameCollection(frames, frame.glue_ctx)


def _as_frame(outcomes: Sequence[Outcome], frame: DynamicFrame) -> DynamicFrame:
    rows = [
        (one.rule, "Passed" if one.passed else "Failed", one.reason or None, dict(one.metrics))
        for one in outcomes
    ]
    data = frame.glue_ctx.spark_session.createDataFrame(rows, SCHEMA)
    return DynamicFrame(data, frame.glue_ctx, "ruleOutcomes")


def _marked(rows: DataFrame, outcomes: Sequence[Outcome]) -> DataFrame:
    """Add the rules that each row passes and fails."""
    about_rows = [one for one in outcomes if one.row is not None]
    skipped = [one.rule for one in outcomes if one.row is None]
    # windows (IsUnique) are not allowed inside arrays: each verdict is a column first
    names = [f"__rule_{number}" for number in range(len(about_rows))]
    judged = rows.select("*", *(
        one.row.alias(name) for one, name in zip(about_rows, names, strict=True)
        if one.row is not None
    ))  # fmt: skip

    def listed(good: bool) -> Column:
        texts = [
            F.when(F.col(name) == F.lit(good), F.lit(one.rule))
            for one, name in zip(about_rows, names, strict=True)
        ]
        whole = F.array(*texts) if texts else F.array().cast("array<string>")
        return F.array_compact(whole)

    marks = judged.withColumn("DataQualityRulesPass", listed(True))
    marks = marks.withColumn("DataQualityRulesFail", listed(False))
    none = F.array(*(F.lit(rule) for rule in skipped)).cast("array<string>")
    failed = F.size("DataQualityRulesFail") > 0
    result = F.when(failed, "Failed").otherwise("Passed")
    marks = marks.withColumn("DataQualityRulesSkip", none)
    return marks.withColumn("DataQualityEvaluationResult", result).drop(*names)


def _publish(outcomes: Sequence[Outcome], options: Mapping[str, Any]) -> None:
    """Tell the service, CloudWatch and S3, as far as asked."""
    if unknown := set(options) - PUBLISHING:
        raise NotSupportedHere(f"the publishing option {sorted(unknown)[0]!r}")
    context = options.get("dataQualityEvaluationContext", "default_context")
    result = as_result(outcomes) | {"EvaluationContext": context}
    if bookmarks.current.job:
        result |= {"JobName": bookmarks.current.job, "JobRunId": bookmarks.current.run}
    if options.get("enableDataQualityResultsPublishing", True):
        local_service.call("LocalGlue.PutDataQualityResult", result)
    if options.get("enableDataQualityCloudWatchMetrics", False):
        _count(context, sum(one.passed for one in outcomes), len(outcomes))
    if options.get("resultsS3Prefix"):
        prefix = options["resultsS3Prefix"].removeprefix("s3://").rstrip("/")
        bucket, key = bucket_and_key(f"s3://{prefix}/{result['ResultId']}.json")
        body = json.dumps(result).encode()
        boto3.client("s3").put_object(Bucket=bucket, Key=key, Body=body)


def as_result(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Outcomes as the Glue API shows them (DataQualityResult); times in seconds since 1970."""
    now = datetime.now(UTC).timestamp()
    passed = sum(one.passed for one in outcomes)
    return {
        "ResultId": f"dqresult-{uuid.uuid4().hex}",
        "Score": passed / len(outcomes),
        "StartedOn": now,
        "CompletedOn": now,
        "RuleResults": [
            {
                "Name": f"Rule_{number}",
                "Description": one.rule,
                "EvaluatedRule": one.rule,
                "Result": "PASS" if one.passed else "FAIL",
                "EvaluatedMetrics": {
                    name: value for name, value in one.metrics.items() if value == value
                },
                **({"EvaluationMessage": one.reason} if one.reason else {}),
            }
            for number, one in enumerate(outcomes, start=1)
        ],
    }


def _count(context: str, passed: int, total: int) -> None:
    dimensions = [{"Name": "EvaluationContext", "Value": context}]
    counts = {"passed": passed, "failed": total - passed}
    boto3.client("cloudwatch").put_metric_data(
        Namespace=NAMESPACE,
        MetricData=[
            {
                "MetricName": f"glue.data.quality.rules.{name}",
                "Dimensions": dimensions,
                "Value": number,
                "Unit": "Count",
            }
            for name, number in counts.items()
        ],
    )
