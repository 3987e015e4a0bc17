import re
import subprocess
import sys
from pathlib import Path

import pytest

from include.environments import __main__ as environments

ROOT = Path(__file__).parents[3]
LOCKS = sorted((ROOT / "include" / "environments").glob("*.txt"))
CONSTRAINTS = ROOT / "include" / "infrastructure" / "mwaa" / "constraints-3.2.1.txt"
IMAGE = CONSTRAINTS.with_name("image-packages-3.2.1.txt")


def pins(file: Path) -> dict[str, str]:
    """Version by normalised name; an unpinned line is an error."""
    found = {}
    for line in file.read_text().splitlines():
        if line and not line.startswith("#"):
            match = re.fullmatch(r"([A-Za-z0-9._-]+)(?:\[.*\])?==([^\s;]+)(?:\s*;.*)?", line)
            assert match, f"{file.name}: {line!r} is no pin"
            found[re.sub(r"[-_.]+", "-", match[1]).lower()] = match[2]
    assert found, f"{file} pins nothing"
    return found


def test_there_is_a_lock_for_each_environment() -> None:
    wanted = {lock for lock, _ in environments.ENVIRONMENTS.values()}
    assert {lock.name for lock in LOCKS} == wanted


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_is_pins_without_addresses(lock: Path) -> None:
    pins(lock)
    assert "://" not in lock.read_text()
    assert "--" not in re.sub(r"^#.*$", "", lock.read_text(), flags=re.MULTILINE)


def test_airflow_has_the_versions_of_the_image() -> None:
    locked, constraints = pins(LOCKS[0]), pins(CONSTRAINTS)
    assert locked["apache-airflow"] == "3.2.1"
    assert (
        locked["apache-airflow-providers-amazon"] == pins(IMAGE)["apache-airflow-providers-amazon"]
    )
    shared = locked.keys() & constraints.keys()
    assert len(shared) > 150
    assert {name: locked[name] for name in shared} == {name: constraints[name] for name in shared}


def test_a_machine_without_a_python_that_fits_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYENV_ROOT", str(ROOT / "nowhere"))
    uv = environments.find_uv()
    with pytest.raises(environments.SetupError, match=r"no Python 3\.4 or 3\.5 on this machine"):
        environments.find_python(uv, ("3.4", "3.5"))


def test_what_is_made_already_is_not_made_again() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "include.environments"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
