"""The marketplace's API: python -m include.laptop.marketplace --port P --data DIR --token-file F.

GET    /v1/sales?from=…&to=…[&limit=500][&cursor=…]   with Authorization: Bearer <token>
POST   /_faults   {"kind": "429", "times": 2, "page": 3, "retry_after": 1}
GET    /_faults   those that are on          DELETE /_faults     all off
GET    /_requests the requests for sales     DELETE /_requests   forgotten
"""

import argparse
import signal
import sys
import threading
from pathlib import Path

from include.laptop.marketplace.faults import KINDS
from include.laptop.marketplace.server import Marketplace


def main() -> int:
    """Serves until a signal comes."""
    parser = argparse.ArgumentParser(
        prog="python -m include.laptop.marketplace",
        description=__doc__,
        epilog="kinds of faults:\n"
        + "\n".join(f"  {kind:<16} {text}" for kind, text in KINDS.items())
        + "\n  400 … 599        that status, with Retry-After if given",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=int, required=True, help="of the loopback")
    parser.add_argument("--data", type=Path, required=True, help="folder of <day>.jsonl")
    parser.add_argument("--token-file", type=Path, required=True, help="holds the bearer token")
    given = parser.parse_args()
    server = Marketplace(given.port, given.data, given.token_file.read_text().strip())
    for number in (signal.SIGTERM, signal.SIGINT):
        # shutdown waits for the loop, which this thread runs
        signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
    print(f"sales of {given.data} at http://127.0.0.1:{server.port}", flush=True)
    server.serve_forever(poll_interval=0.1)
    server.server_close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
