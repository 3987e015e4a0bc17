"""The embedded AWS on its own: `python -m include.local_aws up`, then `env`, and `down`."""

import argparse
import os
import shlex
import sys
import time
from pathlib import Path

from include.local_aws import stack, supervisor


def main() -> int:
    """Runs one command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m include.local_aws", description=__doc__)
    parser.add_argument("command", choices=("up", "run", "down", "status", "env"))
    parser.add_argument(
        "--state", type=Path, default=Path(".local/aws"), help="folder of its state (.local/aws)"
    )
    parser.add_argument("--faults", action="store_true", help="tests may order faults")
    parser.add_argument("--enforce-iam", action="store_true", help="policies are enforced")
    arguments = parser.parse_args()
    if arguments.enforce_iam:
        os.environ[stack.ENFORCE] = "1"
    if arguments.faults:
        os.environ[stack.FAULTS] = "1"
    folder: Path = arguments.state.resolve()
    if arguments.command == "down":
        print("stopped" if supervisor.stop(folder) else "nothing runs here")
    elif arguments.command == "status":
        print_status(folder)
    elif arguments.command == "run":
        return supervisor.Supervisor(folder, stack.at(folder).services()).run()
    else:
        local = stack.at(folder)
        if arguments.command == "up" and supervisor.status(folder)["state"] != "ready":
            began = time.monotonic()
            supervisor.stop(folder)  # what a killed supervisor left
            local = stack.before_start(folder)
            command = (sys.executable, "-m", "include.local_aws", "run", "--state", str(folder))
            try:
                supervisor.start_detached(folder, command, {}, seconds=120)
            except supervisor.SupervisorError as error:
                print(f"up: {error}", file=sys.stderr)
                return 1
            print(f"healthy after {time.monotonic() - began:.1f} s", file=sys.stderr)
        for name, value in local.exports().items():
            print(f"export {name}={shlex.quote(value)}")
    return 0


def print_status(folder: Path) -> None:
    """Prints a line per service: name, state, process id."""
    now = supervisor.status(folder)
    print(f"{now['state']} {now['error']}".strip())
    services = now["services"]
    assert isinstance(services, dict)
    for name, service in services.items():
        print(f"  {name:<16} {service['state']:<10} {service['pid'] or ''}")


if __name__ == "__main__":
    sys.exit(main())
