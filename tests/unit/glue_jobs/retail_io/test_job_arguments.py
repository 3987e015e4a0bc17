import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from retail_io.arguments import parse_arguments, parse_extract_arguments

GOOD = {
    "--manifest": "s3://lake/ops/releases/r20260310_0123456789ab/inputs.json",
    "--run_token": "0123456789abcdef",
    "--customer_token_key_secret": "retail-lake/local/customer-token-key",
}


EXTRACT = {
    "--dataset": "store_transactions",
    "--days": "2025-03-30,2024-02-29",
    "--secret_id": "retail-lake/local/tills",
    "--lake_bucket": "retail-lake-local-lake-000000000000",
    "--run_token": "0123456789abcdef",
}


def flat(arguments: dict[str, str]) -> list[str]:
    return [part for pair in arguments.items() for part in pair]


def test_ours_are_read_and_glues_own_are_passed_over() -> None:
    argv = ["--JOB_NAME", "x", *flat(GOOD), "--enable-metrics", "true", "--job-language", "python"]
    arguments = parse_arguments(argv)
    assert arguments.manifest == GOOD["--manifest"]
    assert arguments.run_token == GOOD["--run_token"]
    assert arguments.customer_token_key_secret == GOOD["--customer_token_key_secret"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"--run_token": "../x"}, "--run_token: '../x' is not a run token"),
        ({"--manifest": "inputs.json"}, "--manifest: 'inputs.json' is no address"),
        ({"--customer_token_key_secret": " "}, "--customer_token_key_secret: is empty"),
    ],
)
def test_a_bad_argument_is_one_clear_line(
    change: dict[str, str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        parse_arguments(flat(GOOD | change))
    assert message in str(stop.value.code)
    assert "\n" not in str(stop.value.code)
    assert capsys.readouterr().err == ""


def test_the_script_fails_before_anything_else_if_an_argument_is_missing() -> None:
    root = Path(__file__).parents[4]
    script = root / "glue_jobs" / "bronze_to_silver.py"
    run = subprocess.run(
        [sys.executable, str(script), "--manifest", GOOD["--manifest"]],
        capture_output=True,
        text=True,
        timeout=60,
        env={"PYTHONPATH": str(root)},
        check=False,
    )
    assert run.returncode == 1
    assert run.stderr == (
        "bronze_to_silver: the following arguments are required: "
        "--run_token, --customer_token_key_secret\n"
    )


def test_an_extract_is_of_days_in_their_order() -> None:
    arguments = parse_extract_arguments(["--JOB_NAME", "x", *flat(EXTRACT)])
    assert arguments.days == [date(2025, 3, 30), date(2024, 2, 29)]
    assert f"--{'--'.join(vars(arguments))}" == "".join(EXTRACT)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("--dataset", "x; DROP TABLE", "is not a plain name"),
        ("--days", "2025-03-30,", "'' is not a date; write YYYY-MM-DD"),
        ("--days", "2025-02-30", "'2025-02-30' is not a day of the calendar"),
        ("--days", "2025-03-30,2025-03-30", "names a day twice"),
        ("--secret_id", "", "is empty"),
        ("--lake_bucket", "../other", "is not a bucket name"),
        ("--run_token", "0123456789ABCDEF", "is not a run token"),
    ],
)
def test_an_extract_takes_only_what_is_allowed(name: str, text: str, message: str) -> None:
    with pytest.raises(SystemExit) as stop:
        parse_extract_arguments(flat(EXTRACT | {name: text}))
    assert str(stop.value.code).startswith(f"extract_table: argument {name}: ")
    assert message in str(stop.value.code)


def test_a_table_is_extracted_only_if_the_jobs_own_contract_says_so() -> None:
    root = Path(__file__).parents[4]
    run = subprocess.run(
        [sys.executable, str(root / "glue_jobs" / "extract_table.py"), *flat(EXTRACT)],
        capture_output=True,
        text=True,
        timeout=60,
        env={"PYTHONPATH": f"{root}:{root / 'plugins'}"},
        check=False,
    )
    assert run.returncode == 1
    said = "extract_table: store_transactions is not for the Glue engine here: deploy the job\n"
    assert run.stderr == said
