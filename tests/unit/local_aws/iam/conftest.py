"""A local AWS that enforces policies, with the data plane's roles in it."""

import http.client
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from tests.unit.local_aws.conftest import (
    ROOT,
    SESSION,
    aws_client,
    free_port,
    ministack_settings,
    wait_until_healthy,
)

TEMPLATE = ROOT / "include" / "infrastructure" / "data_plane.yaml"
NEEDED = {
    "Environment": "test",
    "MarketplaceUrl": "https://market.example.com",
    "MarketplaceToken": "token",
}


class Loader(yaml.SafeLoader):
    """Reads a template without resolving it."""


Loader.add_multi_constructor("!", lambda loader, suffix, node: None)


class Guarded:
    """The processes' addresses, and clients of whoever is asked for."""

    def __init__(self, ports: dict[str, int]) -> None:
        self.url, self.front, self.gateway = (
            f"http://127.0.0.1:{ports[name]}" for name in ("base", "front", "gateway")
        )
        self.outputs: dict[str, str] = {}

    def root(self, service: str) -> Any:
        return aws_client(service, self._endpoint(service))

    def _endpoint(self, service: str) -> str:
        return self.front if service in ("glue", "athena") else self.url

    def session(self, role: str, name: str = "test") -> dict[str, str]:
        found = self.ask(self.url, "POST", "/_local_aws/session", {"role": role, "name": name})
        assert found[0] == 200, found
        return {
            "aws_access_key_id": found[1]["key"],
            "aws_secret_access_key": found[1]["secret"],
            "aws_session_token": found[1]["token"],
        }

    def client(self, service: str, role: str) -> Any:
        """A client in a role of the data plane, named by the end of its name."""
        return SESSION.client(
            service,
            endpoint_url=self._endpoint(service),
            region_name="us-east-1",
            **self.session(f"retail-lake-test-{role}"),
        )

    @staticmethod
    def ask(url: str, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
        text = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        connection.request(method, path, text)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, json.loads(content) if content.startswith((b"{", b"[")) else content


@pytest.fixture(scope="package")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """MiniStack, front and gateway that enforce policies; the data plane is deployed."""
    folder = tmp_path_factory.mktemp("guarded")
    ports = {name: free_port() for name in ("base", "front", "gateway")}
    made = Guarded(ports)
    settings = {"AUTH": "true"} | ministack_settings(ports["base"], folder)
    processes = []
    try:
        for name, health, options in (
            ("base", "/_ministack/health", ["--calls", str(folder / "calls")]),
            ("gateway", "/healthz", _options(made, ports, folder, "gateway")),
            ("front", "/healthz", _options(made, ports, folder, "front")),
        ):
            command = [sys.executable, "-m", f"include.local_aws.{name}", *options]
            log = folder / f"{name}.log"
            with log.open("wb") as output:
                process = subprocess.Popen(
                    command, cwd=ROOT, env=os.environ | settings, stdout=output, stderr=output
                )
            processes.append(process)
            wait_until_healthy(f"http://127.0.0.1:{ports[name]}{health}", process, log)
        _deploy(made)
        yield made
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait(20)


def _options(made: Guarded, ports: dict[str, int], folder: Path, name: str) -> list[str]:
    options = ["--port", str(ports[name]), "--endpoint", made.url, "--enforce-iam"]
    options += ["--state", str(folder / name)]
    return options + (["--gateway-port", str(ports["gateway"])] if name == "front" else [])


def _deploy(made: Guarded) -> None:
    """Create the data plane's stack from its text."""
    text = TEMPLATE.read_text()
    parameters = yaml.load(text, Loader)["Parameters"]
    given = {
        name: NEEDED.get(name, "127.0.0.1")
        for name, parameter in parameters.items()
        if "Default" not in parameter
    }
    cloudformation = made.root("cloudformation")
    cloudformation.create_stack(
        StackName="lake",
        TemplateBody=text,
        Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in given.items()],
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    cloudformation.get_waiter("stack_create_complete").wait(
        StackName="lake", WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    stack = cloudformation.describe_stacks(StackName="lake")["Stacks"][0]
    made.outputs = {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}
