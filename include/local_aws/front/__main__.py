"""Run the front: `python -m include.local_aws.front --port P --endpoint URL --state DIR …`."""

import argparse
import logging
import signal
import sys
import threading
import time
from pathlib import Path

from include.local_aws import athena, catalog, crawlers, data_quality, jobs, triggers
from include.local_aws.calls import CallLog
from include.local_aws.faults import FaultRules
from include.local_aws.front.context import Context
from include.local_aws.front.gate import Gate
from include.local_aws.front.server import FrontServer
from include.local_aws.processes import answers

WAIT_SECONDS = 60
SERVICES = (catalog, crawlers, jobs, data_quality, triggers, athena)


def main() -> None:
    """Serve until SIGTERM or SIGINT, then let every service stop what it runs."""
    arguments = argparse.ArgumentParser(prog="front", description=__doc__)
    arguments.add_argument("--port", type=int, required=True, help="port of the front")
    arguments.add_argument("--endpoint", required=True, help="URL of MiniStack")
    arguments.add_argument("--state", type=Path, required=True, help="folder of durable state")
    arguments.add_argument("--gateway-port", type=int, required=True, help="WebHDFS gateway")
    arguments.add_argument("--calls", type=Path, help="file of the call log")
    arguments.add_argument("--faults", type=Path, help="file of ordered faults; without it, none")
    arguments.add_argument("--enforce-iam", action="store_true", help="policies are enforced")
    arguments.add_argument("--region", default="us-east-1")
    arguments.add_argument("--account", default="000000000000")
    options = arguments.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    options.state.mkdir(parents=True, exist_ok=True)
    context = Context(
        endpoint=options.endpoint.rstrip("/"),
        state=options.state.resolve(),
        region=options.region,
        account=options.account,
        gateway_port=options.gateway_port,
        front_url=f"http://127.0.0.1:{options.port}",
        enforced=options.enforce_iam,
    )
    _wait_for(context.endpoint)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    handlers = {
        target: handler
        for service in SERVICES
        for target, handler in service.actions(context).items()
    }
    gate = Gate(
        context,
        handlers,
        CallLog(options.calls) if options.calls else None,
        FaultRules(options.faults) if options.faults else None,
    )
    server = FrontServer(options.port, context.endpoint, handlers, gate)
    threading.Thread(target=server.serve_forever, name="front", daemon=True).start()
    logging.info("serving %d actions on %s", len(handlers), context.front_url)
    stop.wait()
    server.shutdown()
    server.server_close()
    context.shutdown()


def _wait_for(endpoint: str) -> None:
    """Wait until MiniStack answers, which starts beside the front."""
    answering = answers(f"{endpoint}/_ministack/health")
    deadline = time.monotonic() + WAIT_SECONDS
    while not answering():
        if time.monotonic() > deadline:
            sys.exit(f"MiniStack at {endpoint} does not answer: is it running?")
        time.sleep(0.05)


if __name__ == "__main__":
    main()
