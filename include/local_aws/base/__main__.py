"""Run MiniStack: `python -m include.local_aws.base --calls FILE [--faults FILE]`.

Its own settings come from the environment, as for `python -m ministack`.
"""

import argparse
import sys
from pathlib import Path

import ministack.app as program
from ministack.core import persistence

from include.local_aws.base.identities import Identities
from include.local_aws.base.observing import Observed
from include.local_aws.base.refusals import NamedRefusals
from include.local_aws.base.saving import Durable, Saver
from include.local_aws.calls import CallLog
from include.local_aws.faults import FaultRules


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(prog="base", description=__doc__)
    parser.add_argument("--calls", type=Path, required=True, help="file of the call log")
    parser.add_argument("--faults", type=Path, help="file of ordered faults; without it, none")
    options = parser.parse_args()
    if not persistence.PERSIST_STATE:
        sys.exit("PERSIST_STATE is not 1: there would be no state to save")
    folder = Path(persistence.STATE_DIR)
    folder.mkdir(parents=True, exist_ok=True)
    for partial in folder.glob("*.tmp"):  # of a process that was killed while it wrote
        partial.unlink()
    rules = FaultRules(options.faults) if options.faults else None
    durable = Durable(program.app, Saver(folder))
    observed = Observed(Identities(durable), CallLog(options.calls), rules)
    program.app = NamedRefusals(observed) if program.AUTH else observed
    sys.argv = ["ministack"]
    program.main()


if __name__ == "__main__":
    main()
