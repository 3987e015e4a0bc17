"""The commands of the local AWS's README, run as they stand."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
README = ROOT / "include" / "local_aws" / "README.md"


def test_the_readmes_commands_do_what_it_says(tmp_path: Path) -> None:
    (script,) = re.findall(r"```bash\n(.*?)```", README.read_text(), re.DOTALL)
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
    }
    try:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )
        assert done.returncode == 0, done.stderr[-4000:]
        lines = done.stdout.splitlines()
        assert lines[0] == "total: 9.5"
        assert lines[1] == "ready"
        services = [line.split()[:2] for line in lines[2:-1]]
        expected = ("database", "ministack", "gateway", "front")
        assert services == [[name, "running"] for name in expected]
        assert lines[-1] == "stopped"
    finally:
        stop = [sys.executable, "-m", "include.local_aws", "down"]
        subprocess.run(stop, cwd=tmp_path, env=environment, check=True, capture_output=True)
        moved = tmp_path / ".local" / "aws" / "database" / "moved-to"
        if moved.exists():
            shutil.rmtree(moved.read_text().strip())
