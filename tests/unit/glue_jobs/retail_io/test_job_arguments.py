import subprocess
import sys
from pathlib import Path

import pytest

from retail_io.arguments import parse_arguments

GOOD = {
    "--manifest": "s3://lake/ops/releases/r20260310_0123456789ab/inputs.json",
    "--run_token": "0123456789abcdef",
    "--customer_token_key_secret": "retail-lake/local/customer-token-key",
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
