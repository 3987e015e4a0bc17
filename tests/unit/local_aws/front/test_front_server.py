"""The front as clients meet it: what it executes, what it passes on, and how it ends."""

import http.client
import json
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from subprocess import Popen
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from include.local_aws.front.context import AwsError, Context

Serve = Callable[..., str]
Client = Callable[[str, str], Any]
Start = Callable[[], tuple[Popen[bytes], str]]


def refuse(body: dict[str, Any]) -> dict[str, Any]:
    raise AwsError("EntityNotFoundException", f"no database {body['Name']}")


def fail(body: dict[str, Any]) -> dict[str, Any]:
    raise ZeroDivisionError(body["Name"])


def post(url: str, body: bytes, **headers: str) -> tuple[int, dict[str, str], dict[str, Any]]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    connection.request(
        "POST", "/", body, {name.replace("_", "-"): value for name, value in headers.items()}
    )
    answer = connection.getresponse()
    found = {name.lower(): value for name, value in answer.getheaders()}
    content = json.loads(answer.read())
    connection.close()
    return answer.status, found, content


def test_a_handler_answers_its_action_and_ministack_the_rest(
    serve: Serve, client: Client, unique: str
) -> None:
    url = serve({"AWSGlue.GetJob": lambda body: {"Job": {"Name": body["JobName"] + "!"}}})
    glue = client("glue", url)
    assert glue.get_job(JobName="x")["Job"]["Name"] == "x!"
    glue.create_database(DatabaseInput={"Name": unique})
    answer = glue.get_database(Name=unique)
    assert answer["Database"]["Name"] == unique
    assert answer["ResponseMetadata"]["RequestId"]
    with pytest.raises(glue.exceptions.EntityNotFoundException):
        glue.get_job_run(JobName="absent", RunId="jr_1")


def test_refusals_are_the_clients_own_exceptions(serve: Serve, client: Client) -> None:
    url = serve({"AWSGlue.GetDatabase": refuse})
    glue = client("glue", url)
    with pytest.raises(glue.exceptions.EntityNotFoundException) as refused:
        glue.get_database(Name="nowhere")
    error = refused.value.response["Error"]
    assert (error["Code"], error["Message"]) == ("EntityNotFoundException", "no database nowhere")
    status, headers, body = post(url, b'{"Name": "n"}', X_Amz_Target="AWSGlue.GetDatabase")
    assert status == 400
    assert headers["x-amzn-errortype"] == body["__type"] == "EntityNotFoundException"
    assert headers["x-amzn-requestid"]


def test_a_handlers_fault_is_an_internal_error_with_its_reason(
    serve: Serve, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    url = serve({"AWSGlue.GetDatabase": fail, "AmazonAthena.GetWorkGroup": fail})
    with pytest.raises(ClientError, match="ZeroDivisionError: x") as failed:
        client("glue", url).get_database(Name="x")
    assert failed.value.response["Error"]["Code"] == "InternalServiceException"
    assert failed.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
    assert "Traceback" in caplog.text
    _, _, body = post(url, b'{"Name": "n"}', X_Amz_Target="AmazonAthena.GetWorkGroup")
    assert body["__type"] == "InternalServerException"


def test_what_is_not_json_is_refused(serve: Serve) -> None:
    url = serve({"AWSGlue.GetDatabase": refuse})
    for body in (b"{", b"[]"):
        status, _, answer = post(url, body, X_Amz_Target="AWSGlue.GetDatabase")
        assert (status, answer["__type"]) == (400, "SerializationException")


class Upstream(BaseHTTPRequestHandler):
    """Answers with the request as it came."""

    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        seen = [self.command, self.path, self.headers.items(), body.decode()]
        content = json.dumps(seen).encode()
        self.send_response(418)
        self.send_header("X-Seen", "yes")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def test_other_requests_pass_unchanged(serve: Serve, context: Context) -> None:
    """Method, path, query, Host, Authorization and body: signatures must still hold."""
    upstream = ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    threading.Thread(target=upstream.serve_forever, args=(0.05,), daemon=True).start()
    url = serve({}, replace(context, endpoint=f"http://127.0.0.1:{upstream.server_port}"))
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    sent = {
        "Host": "glue.us-east-1.amazonaws.com",
        "Authorization": "AWS4-HMAC-SHA256 Credential=x",
        "X-Amz-Target": "AWSGlue.Something",
        "x-custom": "a  b",
    }
    connection.request("PUT", "/a%20b/?x=1&y=%2F", b"body", sent)
    answer = connection.getresponse()
    method, path, headers, body = json.loads(answer.read())
    assert (answer.status, answer.headers["X-Seen"]) == (418, "yes")
    assert (method, path, body) == ("PUT", "/a%20b/?x=1&y=%2F", "body")
    assert sent.items() <= dict(headers).items()
    connection.putrequest("PUT", "/chunked", skip_host=True)
    connection.putheader("Host", "h")
    connection.putheader("Transfer-Encoding", "chunked")
    connection.endheaders([b"one ", b"two"], encode_chunked=True)
    assert json.loads(connection.getresponse().read())[3] == "one two"
    connection.close()
    upstream.shutdown()
    upstream.server_close()


def test_a_dead_ministack_is_named(serve: Serve, context: Context) -> None:
    url = serve({}, replace(context, endpoint="http://127.0.0.1:1"))
    status, _, body = post(url, b"{}", X_Amz_Target="AWSGlue.GetJobs")
    assert status == 503
    assert "is it running?" in body["Message"]


def test_connections_are_kept_alive(serve: Serve) -> None:
    url = serve({"AWSGlue.GetDatabase": refuse, "AWSGlue.GetJob": lambda body: body})
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    connection.connect()
    socket = connection.sock
    for target in ("AWSGlue.GetJob", "AWSGlue.GetDatabase", "AWSGlue.GetDatabases"):
        connection.request("POST", "/", b'{"Name": "n"}', {"X-Amz-Target": target})
        connection.getresponse().read()
        assert connection.sock is socket
    connection.close()


def test_requests_do_not_wait_for_each_other(serve: Serve, client: Client) -> None:
    """Twenty handlers that all wait for the last one can only end if they run together."""
    together = threading.Barrier(20, timeout=20)

    def meet(body: dict[str, Any]) -> dict[str, Any]:
        together.wait()
        return {"Job": {"Name": body["JobName"]}}

    glue = client("glue", serve({"AWSGlue.GetJob": meet}))
    with ThreadPoolExecutor(20) as pool:
        names = pool.map(lambda n: glue.get_job(JobName=str(n))["Job"]["Name"], range(20))
    assert sorted(names, key=int) == [str(number) for number in range(20)]


def test_the_process_serves_and_ends_at_sigterm(
    front_process: Start,
    client: Client,
    unique: str,
) -> None:
    """All services together, as the supervisor runs them; versions are there after a restart."""
    process, url = front_process()
    glue = client("glue", url)
    glue.create_database(DatabaseInput={"Name": unique})
    glue.create_table(DatabaseName=unique, TableInput={"Name": "t"})
    glue.update_table(DatabaseName=unique, TableInput={"Name": "t", "Description": "new"})
    started = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(15) == 0
    assert time.monotonic() - started < 10
    _, url = front_process()
    versions = client("glue", url).get_table_versions(DatabaseName=unique, TableName="t")
    assert [v["Table"].get("Description") for v in versions["TableVersions"]] == ["new", None]


def test_a_crawl_in_a_killed_process_has_failed(
    front_process: Start, client: Client, s3: Any, bucket: str, unique: str
) -> None:
    for number in range(200):  # enough for a second of crawling
        s3.put_object(Bucket=bucket, Key=f"orders/d={number}/a.json", Body=b'{"id": 1}\n')
    process, url = front_process()
    glue = client("glue", url)
    glue.create_database(DatabaseInput={"Name": unique})
    glue.create_crawler(
        Name=unique,
        Role="arn:aws:iam::000000000000:role/crawler",
        DatabaseName=unique,
        Targets={"S3Targets": [{"Path": f"s3://{bucket}/orders/"}]},
    )
    glue.start_crawler(Name=unique)
    process.kill()
    process.wait(15)
    _, url = front_process()
    glue = client("glue", url)
    crawler = glue.get_crawler(Name=unique)["Crawler"]
    assert (crawler["State"], crawler["LastCrawl"]["Status"]) == ("READY", "FAILED")
    glue.start_crawler(Name=unique)
    deadline = time.monotonic() + 60
    while (crawler := glue.get_crawler(Name=unique)["Crawler"])["State"] != "READY":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert crawler["LastCrawl"]["Status"] == "SUCCEEDED"
    partitions = glue.get_partitions(DatabaseName=unique, TableName="orders")["Partitions"]
    assert len(partitions) == 200
