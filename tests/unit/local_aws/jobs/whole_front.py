"""A whole front with a gateway, in this process: what scripts need that read and write tables."""

import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from include.local_aws.front.__main__ import SERVICES
from include.local_aws.front.context import Context
from include.local_aws.front.server import FrontServer
from include.local_aws.gateway.filesystem import FileSystem
from include.local_aws.gateway.server import GatewayServer
from include.local_aws.gateway.staging import Staging
from include.local_aws.gateway.storage import ObjectStore, s3_client
from tests.unit.local_aws.conftest import aws_client, free_port

FINAL = {"SUCCEEDED", "FAILED", "STOPPED", "TIMEOUT", "ERROR"}


@dataclass
class WholeFront:
    """Clients of a front with every service, and a bucket and a database of the test's own."""

    glue: Any
    athena: Any
    s3: Any
    context: Context
    bucket: str
    database: str

    def put(self, key: str, body: bytes | str) -> str:
        """Upload; the address."""
        data = body if isinstance(body, bytes) else body.encode()
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=data)
        return f"s3://{self.bucket}/{key}"

    def keys(self, prefix: str) -> list[str]:
        """Keys in the bucket."""
        found = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix)
        return [item["Key"] for item in found.get("Contents", [])]

    def body(self, key: str) -> bytes:
        """An object."""
        return bytes(self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read())

    def job(self, name: str, script: Path | str, **definition: Any) -> str:
        """Define a job that runs a script; its name."""
        text = script.read_text() if isinstance(script, Path) else script
        location = self.put(f"scripts/{name}.py", text)
        command = {"Name": definition.pop("kind", "glueetl"), "ScriptLocation": location}
        self.glue.create_job(Name=name, Role="role", Command=command, **definition)
        return name

    def run(self, job: str, arguments: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Run a job to its end; the run, with what it printed as `log`."""
        started = self.glue.start_job_run(JobName=job, Arguments=dict(arguments or {}))
        return self.wait(job, started["JobRunId"])

    def wait(self, job: str, run_id: str, seconds: float = 400) -> dict[str, Any]:
        """The run when it has ended, with what it printed as `log`."""
        deadline = time.monotonic() + seconds
        while True:
            run = dict(self.glue.get_job_run(JobName=job, RunId=run_id)["JobRun"])
            if run["JobRunState"] in FINAL:
                return run | {"log": self.log(run_id)}
            assert time.monotonic() < deadline, (run, self.log(run_id))
            time.sleep(0.1)

    def log(self, run_id: str) -> str:
        """What a run has printed."""
        file = self.context.state / "logs" / "jobs" / f"{run_id}.log"
        return file.read_text() if file.exists() else ""


@contextmanager
def whole_front(ministack: str, folder: Path) -> Iterator[WholeFront]:
    """Start one, with an empty bucket and an empty database; everything ends with the block."""
    store = ObjectStore(s3_client(ministack, "us-east-1"))
    port, unique = free_port(), uuid.uuid4().hex[:10]
    with GatewayServer(0, FileSystem(store, Staging(folder / "gateway"))) as gateway:
        threading.Thread(target=gateway.serve_forever, args=(0.05,), daemon=True).start()
        (folder / "state").mkdir()
        url = f"http://127.0.0.1:{port}"
        context = Context(
            ministack, folder / "state", "us-east-1", "000000000000", gateway.server_port, url
        )
        handlers = {
            target: handler
            for service in SERVICES
            for target, handler in service.actions(context).items()
        }
        with FrontServer(port, ministack, handlers) as server:
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
            glue, s3 = aws_client("glue", url), aws_client("s3", ministack)
            s3.create_bucket(Bucket=f"lake-{unique}")
            glue.create_database(DatabaseInput={"Name": f"lake_{unique}"})
            yield WholeFront(
                glue, aws_client("athena", url), s3, context, f"lake-{unique}", f"lake_{unique}"
            )
            server.shutdown()
            context.shutdown()
        gateway.shutdown()
