"""Run the gateway: `python -m include.local_aws.gateway --port P --endpoint URL --state DIR`."""

import argparse
import logging
import os
import signal
import threading
from pathlib import Path
from types import FrameType

from include.local_aws.gateway.filesystem import FileSystem
from include.local_aws.gateway.roles import Roles
from include.local_aws.gateway.server import GatewayServer
from include.local_aws.gateway.staging import Staging
from include.local_aws.gateway.storage import ObjectStore, s3_client


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="include.local_aws.gateway", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="port on 127.0.0.1")
    parser.add_argument("--endpoint", required=True, help="URL of the S3 endpoint")
    parser.add_argument("--state", type=Path, required=True, help="folder for uncommitted output")
    parser.add_argument("--enforce-iam", action="store_true", help="job runs act in their roles")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    region = os.environ.get("AWS_DEFAULT_REGION", "us-east-1")
    staging = Staging(arguments.state)
    tree = FileSystem(ObjectStore(s3_client(arguments.endpoint, region)), staging)
    roles = Roles(arguments.endpoint, region, staging)
    served = roles.tree_of if arguments.enforce_iam else None
    with GatewayServer(arguments.port, tree, served) as server:

        def stop(number: int, frame: FrameType | None) -> None:
            # shutdown() waits for the loop that this handler interrupts
            threading.Thread(target=server.shutdown).start()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        server.serve_forever()


if __name__ == "__main__":
    main()
