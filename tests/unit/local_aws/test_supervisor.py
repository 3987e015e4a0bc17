import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from include.local_aws import supervisor
from include.local_aws.processes import free_ports, is_free

SERVER = (
    "import http.server as server, sys;"
    "server.test(server.SimpleHTTPRequestHandler, port=int(sys.argv[1]), bind='127.0.0.1')"
)
# a service whose child outlives a plain kill of the service itself
PARENT = (
    "import subprocess, sys, time;"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
    "open(sys.argv[1], 'w').write(str(child.pid)); time.sleep(600)"
)

SLEEP = "import time; time.sleep(60)"

RUN = """
import sys
from pathlib import Path
from include.local_aws.processes import answers
from include.local_aws.supervisor import Service, Supervisor
folder, port = Path(sys.argv[1]), sys.argv[2]
services = [{services}]
sys.exit(Supervisor(folder, services).run())
"""


def service(name: str, code: str, *arguments: str, extra: str = "") -> str:
    argv = [sys.executable, "-c", code, *arguments]
    return f"Service({name!r}, {argv!r}, {extra})"


def start(folder: Path, *services: str, port: int = 0, seconds: float = 20) -> None:
    script = RUN.format(services=", ".join(services))
    argv = [sys.executable, "-c", script, str(folder), str(port)]
    supervisor.start_detached(folder, argv, {}, seconds=seconds)


def alive(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def test_services_start_in_order_and_stop_with_their_children(tmp_path: Path) -> None:
    port = free_ports(1)[0]
    child_file = tmp_path / "child"
    made = tmp_path / "made"
    start(
        tmp_path / "state",
        service("first", f"open({str(made)!r}, 'w').close()", extra="task=True"),
        service("second", f"import os; os.stat({str(made)!r})", extra="task=True"),
        service("server", SERVER, str(port), extra="healthy=answers('http://127.0.0.1:'+port)"),
        service("parent", PARENT, str(child_file)),
        port=port,
    )
    now = supervisor.status(tmp_path / "state")
    assert now["state"] == "ready"
    assert not is_free(port)
    deadline = time.monotonic() + 10
    while not child_file.exists() or not child_file.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    child = int(child_file.read_text())
    assert alive(child)

    assert supervisor.stop(tmp_path / "state")

    assert is_free(port)
    assert not alive(child)
    assert not supervisor.stop(tmp_path / "state"), "nothing is left to stop"


def test_a_service_that_fails_is_named_with_its_log_and_takes_the_rest_down(tmp_path: Path) -> None:
    port = free_ports(1)[0]
    with pytest.raises(supervisor.SupervisorError) as caught:
        start(
            tmp_path / "state",
            service("server", SERVER, str(port)),
            service("broken", "raise SystemExit('no such table: sales')", extra="task=True"),
        )
    assert "broken ended with exit code 1" in str(caught.value)
    assert "no such table: sales" in str(caught.value)
    assert is_free(port)


def test_a_service_that_never_answers_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(supervisor.SupervisorError, match="mute was not ready in 1 s"):
        start(
            tmp_path / "state",
            service(
                "mute", "import time; time.sleep(60)", extra="healthy=lambda: False, seconds=1"
            ),
        )


def test_a_service_that_dies_later_stops_the_stack(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    start(folder, service("brief", "import time; time.sleep(1.5); raise SystemExit(7)"))
    deadline = time.monotonic() + 10
    while supervisor.status(folder)["state"] == "ready":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    now = supervisor.status(folder)
    assert now["state"] == "failed"
    assert "brief ended with exit code 7" in str(now["error"])


def test_what_a_killed_supervisor_left_is_stopped(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    port = free_ports(1)[0]
    check = "healthy=answers('http://127.0.0.1:'+port)"
    start(folder, service("server", SERVER, str(port), extra=check), port=port)
    os.kill(int(str(supervisor.status(folder)["pid"])), 9)
    deadline = time.monotonic() + 10
    while supervisor.status(folder)["state"] == "ready":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert not is_free(port), "the server survived its supervisor"

    assert supervisor.stop(folder)

    assert is_free(port)


# what a service leaves behind: a child in a session of its own, which outlives it
ESCAPED = (
    "import subprocess, sys;"
    "child = subprocess.Popen(['sleep', sys.argv[2]], start_new_session=True);"
    "open(sys.argv[1], 'w').write(str(child.pid))"
)


def test_what_leaves_its_group_ends_with_the_stack(tmp_path: Path) -> None:
    brief, lasting = tmp_path / "brief", tmp_path / "lasting"
    start(
        tmp_path / "state",
        service("one", ESCAPED, str(brief), "0.1", extra="task=True"),
        service("two", ESCAPED, str(lasting), "600", extra="task=True"),
        service("stays", SLEEP),
    )
    deadline = time.monotonic() + 10
    while Path(f"/proc/{brief.read_text()}").exists():
        assert time.monotonic() < deadline, "the dead child stays as a zombie"
        time.sleep(0.05)
    assert alive(int(lasting.read_text()))

    assert supervisor.stop(tmp_path / "state")

    assert not Path(f"/proc/{lasting.read_text()}").exists()


def test_help_and_status_of_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "include.local_aws"]
    told = subprocess.run([*command, "--help"], capture_output=True, text=True, check=True)
    assert "down" in told.stdout
    told = subprocess.run(
        [*command, "status", "--state", str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert told.stdout.split() == ["stopped"]
