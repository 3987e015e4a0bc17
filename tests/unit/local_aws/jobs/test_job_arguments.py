from typing import Any

import pytest

from include.local_aws.jobs.arguments import ArgumentError, resolve, spark_configuration

JOB: dict[str, Any] = {
    "Name": "sales",
    "DefaultArguments": {
        "--a": "default",
        "--b": "default",
        "--enable-metrics": "true",
        "--TempDir": "s3://bucket/temp/",
        "--conf": "spark.x=1",
    },
    "NonOverridableArguments": {"--fixed": "job"},
}


def test_the_run_wins_over_the_defaults_and_the_job_over_the_run() -> None:
    arguments = resolve(JOB, {"--b": "run", "--fixed": "run", "--conf": "spark.y=2"}, "jr_1")
    words = arguments.script
    assert dict(zip(words[::2], words[1::2], strict=True)) == {
        "--JOB_ID": "j_sales",
        "--JOB_RUN_ID": "jr_1",
        "--JOB_NAME": "sales",
        "--job-bookmark-option": "job-bookmark-disable",
        "--a": "default",
        "--b": "run",
        "--TempDir": "s3://bucket/temp/",
        "--fixed": "job",
    }
    assert arguments.spark == {"spark.y": "2"}


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("", {}),
        ("spark.a=1", {"spark.a": "1"}),
        ("spark.a=1 --conf spark.b=x y", {"spark.a": "1", "spark.b": "x y"}),
        ("--conf spark.a=k=v --conf spark.b=", {"spark.a": "k=v", "spark.b": ""}),
        ("  spark.a=-Dx=1 -Dy=2  --conf\nspark.b=2 ", {"spark.a": "-Dx=1 -Dy=2", "spark.b": "2"}),
    ],
)
def test_conf_holds_several_settings(text: str, settings: dict[str, str]) -> None:
    assert spark_configuration(text) == settings


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("--conf", "spark.a", "'spark.a' is not key=value"),
        ("--job-language", "scala", "only python"),
        ("--datalake-formats", "iceberg", "not installed here"),
        ("--additional-python-modules", "boto3,no-such-module==1.0", "no-such-module==1.0: not"),
        ("--additional-python-modules", "pyspark==1.0", "has 3.5.6"),
        ("--additional-python-modules", "not a requirement", "not a requirement"),
        ("--customer-driver-env-vars", "PATH=/x", "'PATH' is not CUSTOMER_name"),
    ],
)
def test_what_cannot_be_honoured_is_an_error(name: str, value: str, says: str) -> None:
    with pytest.raises(ArgumentError, match=says):
        resolve(JOB, {name: value}, "jr_1")


def test_files_modules_and_variables() -> None:
    given = {
        "--extra-py-files": "s3://b/a.zip, s3://b/c.py",
        "--extra-jars": "s3://b/j.jar",
        "--extra-files": "s3://b/f.yaml",
        "--additional-python-modules": "pyspark>=3.5,boto3",
        "--customer-driver-env-vars": 'CUSTOMER_A=1,CUSTOMER_B="2"',
    }
    arguments = resolve({"Name": "sales"}, given, "jr_1")
    assert arguments.python_files == ("s3://b/a.zip", "s3://b/c.py")
    assert (arguments.jars, arguments.files) == (("s3://b/j.jar",), ("s3://b/f.yaml",))
    assert arguments.environment == {"CUSTOMER_A": "1", "CUSTOMER_B": "2"}
    assert not set(given) & set(arguments.script)
