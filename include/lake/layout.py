"""Where everything lies in the lake bucket; the only place that builds its keys and names.

Keys and prefixes have no bucket; prefixes end with a slash. Every argument is allow-listed (see
``values``), so a key can neither leave its folder nor carry SQL. Arguments may be Templates.
"""

from datetime import date

from include.lake import values

#: Where ``retail_ops.published`` points before the first publication.
EMPTY_POINTER_PREFIX = "ops/published/empty/"
#: Requests to forget persons, a document each.
ERASURES_PREFIX = "ops/erasures/"
#: The lease of the run whose turn it is to build on what is published.
TURN_KEY = "ops/turn.json"
POINTER_FILE = "pointer.jsonl"
SUCCESS_FILE = "_SUCCESS"
EXTRACT_SUFFIXES = ("jsonl", "parquet")
#: Silver tables that hold each arrival day's state of something; others are keyed by business day.
SNAPSHOTS = ("customers", "inventory", "products")
#: Tables in which what a release says stays published when a later one rebuilds the day.
HISTORIES = ("restatements",)
EXTRACT_MANIFEST = r"_manifest-([0-9a-f]{16})\.json"


def uri(bucket: str, key: str) -> str:
    """``s3://bucket/key``."""
    values.checked(bucket, values.BUCKET, "a bucket name")
    return values.joined(f"s3://{bucket}/{key}", bucket, key)


def partition_keys(table: str) -> tuple[str, ...]:
    """Partition keys of one of our physical tables, outermost first."""
    if table.startswith("clean_"):
        return ("ingest_date", "sale_date", "release")
    if table in ("quarantine", "run_ledger", *SNAPSHOTS):
        return ("ingest_date", "release")
    if table == "published_history":
        return ("version", "published_at")
    if table in ("quality_results", "run_costs"):
        return ("release",)
    return ("sale_date", "release")


def bronze_prefix(dataset: str, ingest_date: date | str) -> str:
    """The folder of one dataset's arrival day."""
    day = ingest_date.isoformat() if isinstance(ingest_date, date) else _day(ingest_date)
    return values.joined(f"bronze/{values.identifier(dataset)}/ingest_date={day}/", ingest_date)


def success_key(dataset: str, ingest_date: date | str) -> str:
    """The marker that a drop puts last."""
    prefix = bronze_prefix(dataset, ingest_date)
    return values.joined(f"{prefix}{SUCCESS_FILE}", prefix)


def extract_staging_key(token: str) -> str:
    """Where an extract in flight is written."""
    return values.joined(f"staging/extracts/{values.token(token)}", token)


def extract_summary_key(run_token: str) -> str:
    """What the Glue engine writes as its last act: the manifests of a run's extracts.

    It is read once, and collected with what is left behind in staging.
    """
    return values.joined(f"{extract_staging_key(run_token)}.json", run_token)


def extract_key(dataset: str, ingest_date: date, sha16: str, suffix: str) -> str:
    """The content-addressed name of an extract: first 16 hex digits of its bytes' sha256.

    Args:
        dataset: that it is of.
        ingest_date: its arrival day.
        sha16: 16 hex digits.
        suffix: one of EXTRACT_SUFFIXES.
    """
    values.checked(suffix, "|".join(EXTRACT_SUFFIXES), "a suffix of extracts")
    return f"{bronze_prefix(dataset, ingest_date)}{values.token(sha16)}.{suffix}"


def extract_manifest_key(dataset: str, ingest_date: date, sha16: str) -> str:
    """The manifest that is written after the extract is in place."""
    return f"{bronze_prefix(dataset, ingest_date)}_manifest-{values.token(sha16)}.json"


def table_prefix(layer: str, table: str) -> str:
    """The folder of a physical table, e.g. ``silver/sales/``."""
    return f"{values.identifier(layer)}/{values.identifier(table)}/"


def run_prefix(layer: str, table: str, release: str, run_token: str) -> str:
    """The folder that one job run writes one table to (layer ``silver`` or ``ops``)."""
    path = f"release={values.release(release)}/run={values.token(run_token)}/"
    return values.joined(f"{table_prefix(layer, table)}{path}", release, run_token)


def gold_prefix(mart: str, release: str, try_number: int | str) -> str:
    """The folder that one attempt to build a mart writes to."""
    path = f"release={values.release(release)}/try={values.number(try_number)}/"
    return values.joined(f"{table_prefix('gold', mart)}{path}", release, try_number)


def staged_table(database: str, mart: str, release: str, try_number: int | str) -> str:
    """``database.table`` of a mart that is built but not published."""
    name = f"{values.identifier(mart)}__{values.release(release)}_{values.number(try_number)}"
    return values.joined(f"{values.identifier(database)}.{name}", release, try_number)


def inputs_key(release: str) -> str:
    """The list of everything a release is built from."""
    return values.joined(f"ops/releases/{values.release(release)}/inputs.json", release)


def silver_manifest_key(release: str, run_token: str) -> str:
    """What the Glue job writes as its last act."""
    path = f"silver-{values.token(run_token)}.json"
    return values.joined(f"ops/releases/{values.release(release)}/{path}", release, run_token)


def quality_results_prefix(release: str) -> str:
    """The folder of a release's check results."""
    return values.joined(f"ops/quality_results/release={values.release(release)}/", release)


def quality_results_key(release: str, mart: str, try_number: int | str) -> str:
    """The check results of one mart, as JSON Lines."""
    name = f"{values.identifier(mart)}-{values.number(try_number)}.jsonl"
    return values.joined(f"{quality_results_prefix(release)}{name}", release, try_number)


def restatements_prefix(release: str, sale_date: date) -> str:
    """The folder of what a release changed of a published business day, as JSON Lines."""
    path = f"release={values.release(release)}/sale_date={sale_date.isoformat()}/"
    return f"{table_prefix('ops', 'restatements')}{path}"


def run_costs_prefix(release: str) -> str:
    """The folder of what a release cost, an object per execution."""
    return values.joined(f"ops/run_costs/release={values.release(release)}/", release)


def run_cost_key(release: str, kind: str, execution_id: str) -> str:
    """What one crawl, job run or statement of a release cost, as JSON Lines."""
    name = values.checked(execution_id, values.EXECUTION, "an execution's id")
    return f"{run_costs_prefix(release)}{values.identifier(kind)}-{name}.jsonl"


def estimate_key(release: str) -> str:
    """What a release was expected to cost."""
    return values.joined(f"ops/releases/{values.release(release)}/estimate.json", release)


def report_key(release: str) -> str:
    """The page about the run that built a release."""
    return values.joined(f"ops/releases/{values.release(release)}/report.html", release)


def drift_key(dataset: str) -> str:
    """Which columns outside its contract a dataset has had, and that they were reported."""
    return f"ops/drift/{values.identifier(dataset)}.json"


def erasure_key(token: str) -> str:
    """The request to forget a person, named by the token."""
    return f"{ERASURES_PREFIX}{values.person(token)}.json"


def published_prefix(release: str, digest: str) -> str:
    """The folder of one state of the pointer; ``digest`` is 8 hex digits of its content."""
    values.checked(digest, values.DIGEST, "a digest of 8 hex digits")
    return values.joined(f"ops/published/{values.release(release)}-{digest}/", release, digest)


def _day(text: str) -> str:
    return text if isinstance(text, values.Template) else values.iso_date(text).isoformat()
