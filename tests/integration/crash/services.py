"""Runs the laptop's stack without Airflow: embedded AWS, sources, deployed data plane.

`python -m tests.integration.crash.services FOLDER`, in the foreground, until a signal comes.
"""

import sys
from itertools import takewhile
from pathlib import Path

from include.laptop import stack
from include.local_aws.supervisor import Supervisor


def main() -> int:
    """Start, watch, stop."""
    folder = Path(sys.argv[1])
    services = stack.at(folder).services()
    before_airflow = takewhile(lambda service: service.name != "install", services)
    return Supervisor(folder, list(before_airflow)).run()


if __name__ == "__main__":
    sys.exit(main())
