"""One import of DAG files in a process of its own: what a worker does before each task.

    python tests/benchmarks/parse_jobs.py FOLDER [FILE]

Prints a JSON object: seconds of the import, DAGs and tasks found, sockets opened, and which of the
heavy modules it brought along.
"""

import json
import sys
import time
from pathlib import Path

HEAVY = ("duckdb", "numpy", "pandas", "pyarrow", "pyspark")
sockets: list[str] = []


def note(event: str, arguments: tuple[object, ...]) -> None:
    """Keep what goes to the network."""
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        sockets.append(f"{event} {arguments[1:]}")


def main() -> None:
    """Import and print."""
    from airflow.dag_processing.dagbag import DagBag

    folder = Path(sys.argv[1])
    sys.path.insert(0, str(folder))
    sys.addaudithook(note)
    started = time.perf_counter()
    bag = DagBag(dag_folder=folder / sys.argv[2] if len(sys.argv) > 2 else folder)
    seconds = time.perf_counter() - started
    if bag.import_errors or not bag.dags:
        raise SystemExit(f"nothing to parse: {bag.import_errors}")
    found = {
        "seconds": seconds,
        "dags": sorted(bag.dags),
        "tasks": sum(len(dag.tasks) for dag in bag.dags.values()),
        "sockets": sockets,
        "heavy": [name for name in HEAVY if name in sys.modules],
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
