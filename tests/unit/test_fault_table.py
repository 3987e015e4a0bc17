"""The table of faults in `tests/README.md` names every fault, and tests that exist."""

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
FAULTS = 29


def test_every_fault_has_tests() -> None:
    rows = re.findall(r"^\| (\d+) \| [^|]+ \| ([^|]+) \|$", (TESTS / "README.md").read_text(), re.M)
    assert [int(number) for number, _ in rows] == list(range(1, FAULTS + 1))
    for number, named in rows:
        files = re.findall(r"`([^`]+)`", named)
        assert files, f"fault {number} has no test"
        missing = [file for file in files if not (TESTS / file).is_file()]
        assert not missing, f"fault {number}: {missing}"
