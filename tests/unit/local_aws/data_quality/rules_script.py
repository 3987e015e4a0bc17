"""A Glue script that judges two small tables by the rules it is given.

Prints one line `outcome: [table, rule, Passed|Failed, reason, metrics]` per rule and table, and
what process_rows makes of rows.
"""

import json
import sys
from pathlib import Path

from pyspark.context import SparkContext

from awsglue.context import GlueContext
from awsglue.dynamicframe import DynamicFrame
from awsglue.job import Job
from awsglue.transforms import SelectFromCollection
from awsglue.utils import getResolvedOptions
from awsgluedq.transforms import EvaluateDataQuality

arguments = getResolvedOptions(sys.argv, ["JOB_NAME"])
context = GlueContext(SparkContext.getOrCreate())
job = Job(context)
job.init(arguments["JOB_NAME"], arguments)
spark = context.spark_session
case = json.loads(Path("rules.json").read_text())
frames = {
    name: DynamicFrame(spark.createDataFrame([tuple(row) for row in rows], case["schema"]), context)
    for name, rows in case["tables"].items()
}
frames["good"] = DynamicFrame(
    frames["good"].toDF().selectExpr("*", "current_timestamp() - interval 1 hour as at"), context
)
frames["bad"] = DynamicFrame(
    frames["bad"].toDF().selectExpr("*", "current_timestamp() - interval 3 days as at"), context
)
for name, frame in frames.items():
    found = EvaluateDataQuality().process_rows(
        frame=frame,
        ruleset="Rules = [" + ",\n".join(case["rules"]) + "]",
        publishing_options={
            "dataQualityEvaluationContext": name,
            "enableDataQualityCloudWatchMetrics": True,
        },
        additional_options={"performanceTuning.caching": "CACHE_NOTHING"},
        additional_data_sources={"reference": frames["good"]},
    )
    outcomes = SelectFromCollection.apply(
        dfc=found, key=EvaluateDataQuality.DATA_QUALITY_RULE_OUTCOMES_KEY
    )
    for row in outcomes.toDF().collect():
        print("outcome:", json.dumps([name, *row]))

marked = EvaluateDataQuality().process_rows(
    frame=frames["bad"],
    ruleset='Rules = [IsComplete "id", IsUnique "id", ColumnValues "amount" > 0, RowCount > 1]',
    publishing_options={"enableDataQualityResultsPublishing": False},
)["rowLevelOutcomes"]
for row in marked.toDF().collect():
    answer = [row.id, row.amount, row.DataQualityEvaluationResult]
    print("row:", json.dumps([*answer, row.DataQualityRulesFail, row.DataQualityRulesSkip]))

whole = EvaluateDataQuality.apply(
    frame=frames["good"],
    ruleset="Rules = [RowCount = 4]",
    publishing_options={"enableDataQualityResultsPublishing": False},
)
whole.printSchema()
empty = DynamicFrame(frames["good"].toDF().limit(0), context)
none = EvaluateDataQuality.apply(
    empty,
    'Rules = [RowCount = 0, IsComplete "id", ColumnValues "id" > 0, IsUnique "id", Mean "id" > 0]',
    {"enableDataQualityResultsPublishing": False},
)
print("empty:", json.dumps([row.Outcome for row in none.toDF().collect()]))
job.commit()
EvaluateDataQuality.apply(frame=frames["good"], ruleset='Rules = [IsComplet "id"]')
