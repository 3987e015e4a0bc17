"""Operators: one movement of data per module, loaded when it is first named.

Each worker process pays for what a DAG imports, so naming one operator must not load them all.
"""

from importlib import import_module
from typing import Any

_MODULES = {
    "BuildTableOperator": "build_table",
    "CatalogDriftOperator": "catalog_drift",
    "CheckDriftOperator": "check_drift",
    "ChooseVersionOperator": "choose_version",
    "DatabaseToS3ParquetOperator": "extract",
    "FindQuarantinedOperator": "replay",
    "GiveTurnOperator": "turns",
    "GlueExtractOperator": "glue_extract",
    "HousekeepingOperator": "housekeeping",
    "IngestTaskGroup": "ingest",
    "ListVersionsOperator": "rollback",
    "MartsTaskGroup": "marts",
    "OpenReleaseOperator": "open_release",
    "PublishOperator": "publish",
    "QualityChecksOperator": "quality_checks",
    "RebuildDaysOperator": "rebuild",
    "ReleaseAthenaOperator": "athena",
    "ReleaseCrawlerOperator": "crawler",
    "ReleaseGlueJobOperator": "glue_job",
    "RequestErasureOperator": "erase",
    "ReplayVerdictOperator": "replay",
    "ReportOperator": "report",
    "RestatementsOperator": "restatements",
    "RestApiToS3JsonLinesOperator": "rest_extract",
    "ReviewOperator": "review",
    "RollbackOperator": "rollback",
    "TakeTurnOperator": "turns",
}
#: kind of source and engine → what extracts its days
_EXTRACTS = {
    ("database", "worker"): "DatabaseToS3ParquetOperator",
    ("database", "glue"): "GlueExtractOperator",
    ("rest_api", "worker"): "RestApiToS3JsonLinesOperator",
}


def __getattr__(name: str) -> Any:
    """Load the module that defines an operator, or those of all ``EXTRACTS``."""
    if name == "EXTRACTS":
        return {kind: __getattr__(operator) for kind, operator in _EXTRACTS.items()}
    if name not in _MODULES:
        raise AttributeError(f"module {__name__} has no {name}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
