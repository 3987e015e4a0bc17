"""The walk-through as a text whose shell blocks can be run one by one, with the AWS CLI."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

TEXT = Path(__file__).with_name("walk_through.txt")
# this environment's own AWS CLI first
PATH = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
HEADING = re.compile(r"^(#{2,3}) (.+)$")
# What stands for time to wait. The text waits for crawlers by sleeping a minute; here the wait
# ends with what is waited for.
PRELUDE = """
sleep() {
  while [ "$1" = 60 ] && aws glue get-crawlers --query 'Crawlers[].State' | grep -q ING; do
    command sleep 0.5
  done
  command sleep 0.2
}
python3() { "$WALK_PYTHON" "$@"; }
"""


@dataclass(frozen=True)
class Block:
    """A code block: its language, its text, and the heading it stands under."""

    heading: str
    language: str
    code: str


def blocks() -> list[Block]:
    """All code blocks of the text, in order."""
    found, heading, language, lines = [], "", None, list[str]()
    for line in TEXT.read_text(encoding="utf-8").splitlines():
        if language is not None:
            if line == "```":
                found.append(Block(heading, language, "\n".join(lines) + "\n"))
                language, lines = None, []
            else:
                lines.append(line)
        elif line.startswith("```"):
            language = line[3:]
        elif match := HEADING.match(line):
            heading = match.group(2)
    return found


def under(heading: str, language: str) -> str:
    """The code under the heading that starts so, all blocks of the language together."""
    texts = [
        block.code
        for block in blocks()
        if block.heading.startswith(heading) and block.language == language
    ]
    assert texts, f"no {language} under {heading!r} in {TEXT.name}"
    return "\n".join(texts)


@dataclass
class Shell:
    """One bash that keeps its variables and functions from block to block.

    Attributes:
        folder: Where it works.
        variables: Of its environment, besides PATH.
        said: What each block printed, by the name it was run under.
    """

    folder: Path
    variables: Mapping[str, str]
    said: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._bash = subprocess.Popen(
            ["bash", "--norc", "--noprofile"],
            cwd=self.folder,
            env={"PATH": PATH, "WALK_PYTHON": sys.executable, **self.variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.run("prelude", PRELUDE)

    def run(self, name: str, code: str) -> str:
        """Run a block; what it printed, standard error included."""
        assert self._bash.stdin is not None
        assert self._bash.stdout is not None
        script = self.folder / f"{name}.block.sh"
        script.write_text(code, encoding="utf-8")
        end = f"=== end of {name} ==="
        self._bash.stdin.write(f"source './{script.name}' </dev/null\necho\necho '{end}'\n")
        self._bash.stdin.flush()
        lines: list[str] = []
        for line in self._bash.stdout:
            if line.rstrip("\n") == end:
                break
            lines.append(line)
        else:
            raise AssertionError(f"the shell ended in {name}:\n{''.join(lines)}")
        self.said[name] = "".join(lines)
        return self.said[name]

    def value(self, name: str) -> str:
        """A variable of the shell."""
        return self.run(f"value-of-{name}", f'printf %s "${name}"\n').strip()

    def close(self) -> None:
        """End the shell."""
        self._bash.stdin.close() if self._bash.stdin else None
        self._bash.wait(30)
