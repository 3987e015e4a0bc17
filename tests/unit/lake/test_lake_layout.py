"""Keys are as documented, and no value can leave its folder or carry SQL."""

from datetime import date
from typing import TYPE_CHECKING

import pytest

from include.lake import layout, values
from include.lake.values import Template, UnsafeValueError

if TYPE_CHECKING:
    from collections.abc import Callable

R, T, DAY = "r20260702_bbbbbbbbbbbb", "0123456789abcdef", date(2026, 7, 2)


def test_keys_are_as_documented() -> None:
    assert layout.success_key("a", DAY) == "bronze/a/ingest_date=2026-07-02/_SUCCESS"
    assert layout.extract_staging_key(T) == f"staging/extracts/{T}"
    assert layout.extract_summary_key(T) == f"staging/extracts/{T}.json"
    assert (
        layout.extract_key("a", DAY, T, "parquet") == f"bronze/a/ingest_date=2026-07-02/{T}.parquet"
    )
    assert layout.extract_manifest_key("a", DAY, T).endswith(f"/_manifest-{T}.json")
    assert layout.run_prefix("silver", "sales", R, T) == f"silver/sales/release={R}/run={T}/"
    assert layout.run_prefix("ops", "quarantine", R, T) == f"ops/quarantine/release={R}/run={T}/"
    assert layout.inputs_key(R) == f"ops/releases/{R}/inputs.json"
    assert layout.silver_manifest_key(R, T) == f"ops/releases/{R}/silver-{T}.json"
    assert layout.published_prefix(R, "89abcdef") == f"ops/published/{R}-89abcdef/"
    assert layout.gold_prefix("daily_sales", R, 2) == f"gold/daily_sales/release={R}/try=2/"
    assert layout.quality_results_key(R, "daily_sales", 1) == (
        f"ops/quality_results/release={R}/daily_sales-1.jsonl"
    )
    assert layout.staged_table("retail_gold", "daily_sales", R, 2) == (
        f"retail_gold.daily_sales__{R}_2"
    )
    assert layout.uri("my-bucket", "a/b") == "s3://my-bucket/a/b"


HOSTILE = ["", "x'; DROP TABLE y; --", "../x", "a/b", "A", "x\n", "{{ x }}", "r2026\u0660702_x"]


@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_values_are_refused_everywhere(value: str) -> None:
    builds: tuple[Callable[[], str], ...] = (
        lambda: layout.bronze_prefix(value, DAY),
        lambda: layout.bronze_prefix("a", value),
        lambda: layout.extract_key("a", DAY, value, "jsonl"),
        lambda: layout.extract_key("a", DAY, T, value),
        lambda: layout.run_prefix("silver", "sales", value, T),
        lambda: layout.run_prefix("silver", "sales", R, value),
        lambda: layout.gold_prefix("daily_sales", R, value),
        lambda: layout.staged_table(value, "daily_sales", R, 1),
        lambda: layout.staged_table("retail_gold", value, R, 1),
        lambda: layout.published_prefix(R, value),
        lambda: layout.uri(value, "a"),
        lambda: values.table(value),
        lambda: values.location(value),
        lambda: values.release(value),
    )
    for build in builds:
        with pytest.raises(UnsafeValueError):
            build()


def test_template_passes_and_stays_one() -> None:
    release = Template("{{ ti.xcom_pull(task_ids='open_release')['release'] }}")
    attempt = Template("{{ ti.try_number }}")
    table = layout.staged_table("retail_gold", "daily_sales", release, attempt)
    assert table == f"retail_gold.daily_sales__{release}_{attempt}"
    assert isinstance(table, Template)
    assert values.table(table) is table
    location = layout.uri("my-bucket", layout.gold_prefix("daily_sales", release, attempt))
    assert isinstance(location, Template)
    assert isinstance(layout.success_key("a", Template("{{ item }}")), Template)
    assert not isinstance(layout.gold_prefix("daily_sales", R, 1), Template)


@pytest.mark.parametrize(
    "text",
    [
        "no expression",
        "{{ x }}'; DROP",
        "{{ x }} OR 1",
        "{% x %}",
        "{{ x; y }}",
        "{{ x }}\n",
        "{{}}",
    ],
)
def test_template_with_anything_else_around_is_refused(text: str) -> None:
    with pytest.raises(UnsafeValueError, match="is not a template"):
        Template(text)
