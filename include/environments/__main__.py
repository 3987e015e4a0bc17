"""Makes `.venv` (Airflow) and `.venv-glue` (Glue runtime, embedded AWS), or finds them as they are.

Runs on whatever `python3` the machine has (3.8 or newer, standard library only), because it is
the first thing that runs. An environment is made anew only when its lock file or its Python
changed: a stamp in it says what it was made from.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
UV_VERSION = "0.13.8"
ENVIRONMENTS = {
    # folder: (lock, Python versions that work, the first is the one production has)
    ".venv": ("airflow.txt", ("3.12", "3.11", "3.13")),
    ".venv-glue": ("glue.txt", ("3.11", "3.12")),
}


def main() -> int:
    """Makes or reuses the environments; 1 after one line that says what is missing."""
    parser = argparse.ArgumentParser(prog="make setup", description=__doc__)
    parser.add_argument("--lock", action="store_true", help="compile the lock files anew instead")
    arguments = parser.parse_args()
    try:
        uv = find_uv()
        if arguments.lock:
            compile_locks(uv)
        else:
            for folder, (lock, versions) in ENVIRONMENTS.items():
                make_environment(uv, ROOT / folder, HERE / lock, versions)
    except SetupError as error:
        print(f"setup: {error}", file=sys.stderr)
        return 1
    return 0


class SetupError(Exception):
    """Something that the machine lacks; the message names it and the fix."""


def run(*command: object) -> None:
    """Runs a command, its output shown only if it fails."""
    done = subprocess.run(
        [str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if done.returncode:
        raise SetupError("{} failed:\n{}".format(" ".join(map(str, command)), done.stdout.strip()))


def find_uv() -> Path:
    """The uv on the PATH, else our own copy in `.tools` from the package index."""
    on_path = shutil.which("uv")
    if on_path:
        return Path(on_path)
    tools = ROOT / ".tools"
    uv = tools / "bin" / "uv"
    if not uv.exists():
        print(f"setup: installing uv {UV_VERSION} into .tools", flush=True)
        try:
            venv.create(str(tools), with_pip=True, clear=True)
        except (subprocess.CalledProcessError, ImportError) as error:
            raise SetupError(
                f"this python3 cannot make virtual environments ({error}): get python3-venv or uv"
            ) from error
        run(tools / "bin" / "python", "-m", "pip", "install", "--quiet", "uv==" + UV_VERSION)
    return uv


def find_python(uv: Path, versions: "tuple[str, ...]") -> "tuple[str, Path]":
    """The first of the versions that is on this machine: (version, interpreter)."""
    pyenv = Path(os.environ.get("PYENV_ROOT", str(Path.home() / ".pyenv")))
    for version in versions:
        found = subprocess.run(
            [str(uv), "python", "find", "--system", "--no-python-downloads", version],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        candidates = [Path(found.stdout.strip())] if found.returncode == 0 else []
        candidates += sorted(pyenv.glob(f"versions/{version}.*/bin/python"), reverse=True)
        for candidate in candidates:
            if candidate.exists():
                return version, candidate
    raise SetupError(
        "no Python {} on this machine: install one of them".format(" or ".join(versions))
    )


def make_environment(uv: Path, folder: Path, lock: Path, versions: "tuple[str, ...]") -> None:
    """Makes one environment from its lock file unless its stamp says that it is that already."""
    version, python = find_python(uv, versions)
    stamp = folder / ".made-from"
    wanted = f"{version} {hashlib.sha256(lock.read_bytes()).hexdigest()}"
    if stamp.exists() and stamp.read_text() == wanted and (folder / "bin" / "python").exists():
        return
    if version != versions[0]:
        print(f"setup: no Python {versions[0]} here; {folder.name} gets {version}")
    print(f"setup: making {folder.name} (Python {version}, {lock.name})", flush=True)
    run(uv, "venv", "--quiet", "--clear", "--python", python, folder)
    interpreter = folder / "bin" / "python"
    # Compiled once: Airflow starts a process for every task, and with PYTHONDONTWRITEBYTECODE, as
    # images often set it, each of them would compile all that it imports.
    options = ("--quiet", "--compile-bytecode", "--no-deps")
    run(uv, "pip", "install", *options, "--python", interpreter, "-r", lock)
    stamp.write_text(wanted)


def compile_locks(uv: Path) -> None:
    """Writes the lock files from the `.in` files, without index addresses."""
    for lock, versions in ENVIRONMENTS.values():
        source = lock.replace(".txt", ".in")
        _, python = find_python(uv, versions[:1])
        print(f"setup: compiling {lock}", flush=True)
        os.chdir(HERE)
        command = [uv, "pip", "compile", "--quiet", "--no-emit-index-url", "--no-annotate"]
        command += ["--custom-compile-command", "make lock", "--python", python]
        if Path(source).with_suffix(".overrides").exists():
            command += ["--override", Path(source).with_suffix(".overrides")]
        run(*command, source, "-o", lock)


if __name__ == "__main__":
    sys.exit(main())
