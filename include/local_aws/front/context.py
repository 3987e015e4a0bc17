"""What all services of the front share: MiniStack, the state folder, AWS errors, the shutdown."""

import json
import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.httpsession import URLLib3Session

from include.local_aws.front import identity

Handler = Callable[[dict[str, Any]], dict[str, Any]]
"""JSON request body of an AWS action -> JSON response body; refuses by raising `AwsError`."""

SIGNING_NAMES = {"AWSGlue": "glue", "AmazonAthena": "athena"}
"""X-Amz-Target prefix -> the service name that a request for it is signed with."""


class AwsError(Exception):
    """A refusal as the AWS API words it; clients see their modelled exception of that code."""

    def __init__(
        self,
        code: str,
        message: str,
        status: int = 400,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Name the error.

        Args:
            code: modelled exception name, for example `EntityNotFoundException`.
            message: what is wrong with which thing.
            status: HTTP status, 400 for the caller's mistakes and 500 for ours.
            headers: of the answer, besides the usual ones.
        """
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.headers = dict(headers or {})

    def __str__(self) -> str:
        """Code and message, as they are to be read in a log."""
        return f"{self.code}: {self.message}"


@cache
def _session() -> boto3.session.Session:
    """Give the one boto3 session; it keeps the service models, which are slow to load."""
    return boto3.session.Session()


@dataclass(frozen=True)
class Context:
    """The surroundings that a service's handlers get: made once per front, shared by all threads.

    Attributes:
        endpoint: URL of MiniStack.
        state: folder whose contents survive a restart; each service keeps its own files in it.
        region: the one AWS region served.
        account: the AWS account number of every resource.
        gateway_port: port of the WebHDFS gateway that Spark reads and writes S3 through.
        front_url: URL of the front itself, which jobs get as their Glue and Athena endpoint.
        enforced: whether everybody may do only what their policies allow.
    """

    endpoint: str
    state: Path
    region: str
    account: str
    gateway_port: int
    front_url: str
    enforced: bool = False
    _clients: dict[tuple[str, str], Any] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    _stops: list[Callable[[], None]] = field(
        default_factory=list, init=False, repr=False, compare=False
    )
    _lock: threading.Lock = field(
        default_factory=threading.Lock, init=False, repr=False, compare=False
    )
    _http: URLLib3Session = field(
        default_factory=lambda: URLLib3Session(
            max_pool_connections=64,
            timeout=120,
            socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],  # 40 ms a call otherwise
        ),
        init=False,
        repr=False,
        compare=False,
    )

    def client(self, service: str) -> Any:
        """Give the shared boto3 client of one MiniStack service (S3 addressed by path).

        Args:
            service: boto3 name, for example `s3`, `logs` or `secretsmanager`.

        Returns:
            A cached client; boto3 clients may be used by many threads.
        """
        credentials = self.credentials()
        key = (service, credentials.access_key)
        with self._lock:
            if key not in self._clients:
                self._clients[key] = _session().client(
                    service,
                    endpoint_url=self.endpoint,
                    region_name=self.region,
                    aws_access_key_id=credentials.access_key,
                    aws_secret_access_key=credentials.secret_key,
                    aws_session_token=credentials.token,
                    config=Config(
                        s3={"addressing_style": "path"},
                        max_pool_connections=64,
                        retries={"mode": "standard", "max_attempts": 4},
                    ),
                )
            return self._clients[key]

    def credentials(self) -> Credentials:
        """Give the credentials of whoever acts in this thread, the front itself if nobody does."""
        return identity.ACTING.get() or self.own_credentials()

    def own_credentials(self) -> Credentials:
        """Give the key pair of the front itself: the environment's, else MiniStack's default."""
        return Credentials(
            os.environ.get("AWS_ACCESS_KEY_ID", "test"),
            os.environ.get("AWS_SECRET_ACCESS_KEY", "test"),
        )

    @contextmanager
    def in_role(self, role: str, name: str) -> Iterator[None]:
        """Act in a role until the block ends, if policies are enforced.

        Args:
            role: ARN or name; it must exist.
            name: of the session.
        """
        chosen = identity.session(self.endpoint, role, name) if self.enforced else None
        with identity.acting(chosen):
            yield

    def session_environment(self, role: str, name: str) -> dict[str, str]:
        """Give the variables with which a process acts in a role; {} if nothing is enforced."""
        if not self.enforced:
            return {}
        chosen = identity.session(self.endpoint, role, name)
        return {
            "AWS_ACCESS_KEY_ID": chosen.access_key,
            "AWS_SECRET_ACCESS_KEY": chosen.secret_key,
            "AWS_SESSION_TOKEN": chosen.token,
        }

    def allow(self, service: str, checks: Sequence[tuple[str, str]]) -> None:
        """Refuse what whoever acts in this thread may not do.

        Raises:
            AwsError: AccessDeniedException, with the action and the resource.
        """
        actor = identity.ACTING.get()
        if actor is None:
            return
        denied = identity.refusal(self.endpoint, service, checks, {"key": actor.access_key})
        if denied is not None:
            raise AwsError(*denied)

    def forward(self, target: str, body: dict[str, Any]) -> dict[str, Any]:
        """Call MiniStack's own implementation of an AWS JSON 1.1 action.

        Args:
            target: X-Amz-Target, for example `AWSGlue.GetTable`.
            body: the request as JSON data.

        Returns:
            The response as JSON data (times are seconds since 1970).

        Raises:
            AwsError: MiniStack refused, with its code, message and status.
        """
        request = AWSRequest(
            method="POST",
            url=self.endpoint + "/",
            data=json.dumps(body).encode(),
            headers={"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.1"},
        )
        service = SIGNING_NAMES[target.partition(".")[0]]
        SigV4Auth(self.own_credentials(), service, self.region).add_auth(request)
        answer = self._http.send(request.prepare())
        data: dict[str, Any] = json.loads(answer.content) if answer.content else {}
        if answer.status_code >= 400:
            code = str(data.get("__type", "InternalServiceException")).rpartition("#")[2]
            said = data.get("message", data.get("Message", data))  # MiniStack's, the front's own
            raise AwsError(code, str(said), answer.status_code)
        return data

    def on_shutdown(self, stop: Callable[[], None]) -> None:
        """Have `stop` called once when the front ends: stop processes, finish state.

        Args:
            stop: called from the main thread after the last request was taken, newest first.
        """
        with self._lock:
            self._stops.append(stop)

    def shutdown(self) -> None:
        """Call every stop that was registered, newest first, each exactly once."""
        while True:
            with self._lock:
                if not self._stops:
                    return
                stop = self._stops.pop()
            stop()
