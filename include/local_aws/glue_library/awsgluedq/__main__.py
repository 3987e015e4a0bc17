"""What the local Glue runs of this library, each as a process of its own.

python -m awsgluedq check
    Reads a ruleset from standard input, prints {"error": null | why it is refused}.
python -m awsgluedq evaluate REQUEST
    Judges a table of the catalog. REQUEST is a JSON file:
    {"table": {"DatabaseName", "TableName", "AdditionalOptions"?}, "sources": {name: table},
    "rulesets": {name: DQDL}, "answer": file that gets {name: DataQualityResult}}
"""

import json
import sys
from pathlib import Path
from typing import Any

from awsgluedq.dqdl import DqdlError, parse
from awsgluedq.rule_types import check


def main() -> None:
    """Do what the arguments say."""
    if sys.argv[1] == "check":
        print(json.dumps({"error": _refusal(sys.stdin.read())}))
    else:
        _evaluate(json.loads(Path(sys.argv[2]).read_text(encoding="utf-8")))


def _refusal(ruleset: str) -> str | None:
    try:
        check(parse(ruleset))
    except DqdlError as error:
        return str(error)
    return None


def _evaluate(request: dict[str, Any]) -> None:
    from pyspark import SparkContext

    from awsglue.context import GlueContext
    from awsgluedq.evaluation import evaluate
    from awsgluedq.transforms import as_result

    context = GlueContext(SparkContext.getOrCreate())

    def frame(table: dict[str, Any]) -> Any:
        options = dict(table.get("AdditionalOptions") or {})
        read = context.create_dynamic_frame.from_catalog(
            database=table["DatabaseName"],
            table_name=table["TableName"],
            push_down_predicate=options.pop("pushDownPredicate", ""),
            additional_options=options,
        )
        return read.toDF()

    rows = frame(request["table"]).cache()
    sources = {name: frame(table).cache() for name, table in request["sources"].items()}
    results = {
        name: as_result(evaluate(rows, ruleset, sources))
        for name, ruleset in request["rulesets"].items()
    }
    Path(request["answer"]).write_text(json.dumps(results), encoding="utf-8")


if __name__ == "__main__":
    main()
