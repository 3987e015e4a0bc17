"""One code for laptop and AWS, and transforms that depend on nothing but their arguments.

The laptop differs from AWS by endpoint variables alone, which the AWS SDK reads itself. So no code
that is shipped asks where it runs, and no df -> df function reaches for a session, IO, the clock,
chance or the environment.
"""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHIPPED = ("dags", "plugins", "glue_jobs", "include/lake", "include/infrastructure")
TRANSFORMS = "glue_jobs/retail_transforms"

PLACE_NAME = re.compile(
    r"((is|on|in|run|running)_?)?(local(ly)?|laptop|localstack|ministack)"
    r"|local_(mode|aws|run)|(is|on|in)_aws",
    re.IGNORECASE,
)
PLACE_TEXT = re.compile(rf"{PLACE_NAME.pattern}|localhost|127\.0\.0\.1", re.IGNORECASE)
ENDPOINT = re.compile(r"AWS_ENDPOINT_URL\w*|LOCAL_\w+|LOCALSTACK\w*")
IMPURE = re.compile(
    r"[sS]park(Session|Context)|read(Stream)?|write(Stream|To)?|open|environ|getenv|now|today|utcnow"
    r"|current_(timestamp|date)|localtimestamp|randn?|uuid"
)


def sources(root: Path, *folders: str) -> list[Path]:
    """All Python files below folders of the tree."""
    return sorted(file for folder in folders for file in (root / folder).rglob("*.py"))


def parsed(file: Path) -> ast.Module:
    """The file's syntax tree."""
    return ast.parse(file.read_text(encoding="utf-8"), filename=str(file))


def place_checks(root: Path) -> list[str]:
    """Conditions on where the code runs: laptop and AWS differ by endpoint variables only."""
    found = []
    for file in sources(root, *SHIPPED):
        for node in ast.walk(parsed(file)):
            said = None
            if isinstance(node, ast.If | ast.IfExp | ast.While | ast.Assert | ast.comprehension):
                tests = node.ifs if isinstance(node, ast.comprehension) else [node.test]
                said = next((part for test in tests for part in places(test)), None)
            elif isinstance(node, ast.Match):
                cases = [p for case in node.cases for p in places(case.pattern)]
                said = next(iter([*places(node.subject), *cases]), None)
            elif isinstance(node, ast.Call | ast.Subscript):
                texts = [n.value for n in ast.walk(node) if isinstance(n, ast.Constant)]
                reads = "env" in ast.unparse(
                    node.func if isinstance(node, ast.Call) else node.value
                )
                said = next((str(t) for t in texts if reads and ENDPOINT.fullmatch(str(t))), None)
            if said:
                line = getattr(node, "lineno", 0)
                found.append(
                    f"{file.relative_to(root)}:{line}: depends on {said!r}; the same code runs on"
                    " the laptop and on AWS, so take the difference out of the deployment"
                )
    return found


def places(test: ast.AST) -> list[str]:
    """Names and texts in a condition that say where the code runs."""
    names = [n.id for n in ast.walk(test) if isinstance(n, ast.Name)]
    names += [n.attr for n in ast.walk(test) if isinstance(n, ast.Attribute)]
    texts = [str(n.value) for n in ast.walk(test) if isinstance(n, ast.Constant)]
    said = [name for name in names if PLACE_NAME.fullmatch(name)]
    return said + [text for text in texts if PLACE_TEXT.fullmatch(text)]


def impure_transforms(root: Path) -> list[str]:
    """Uses of a session, IO, clock, chance or environment in the df -> df functions."""
    found = []
    for file in sources(root, TRANSFORMS):
        for node in ast.walk(parsed(file)):
            named = node.attr if isinstance(node, ast.Attribute) else None
            named = node.id if isinstance(node, ast.Name) else named
            if named and IMPURE.fullmatch(named):
                line = getattr(node, "lineno", 0)
                found.append(
                    f"{file.relative_to(root)}:{line}: uses {named}; a transform gets DataFrames"
                    " and values and returns DataFrames, so pass the value in"
                )
    return found


def test_shipped_code_does_not_ask_where_it_runs() -> None:
    assert place_checks(ROOT) == []


def test_transforms_are_pure() -> None:
    assert impure_transforms(ROOT) == []


@pytest.mark.parametrize("folder", [*SHIPPED, TRANSFORMS])
def test_there_is_code_to_look_at(folder: str) -> None:
    assert sources(ROOT, folder)


@pytest.mark.parametrize(
    "code",
    [
        "if local:\n    pass",
        "if not settings.is_local:\n    pass",
        "x = 1 if environment == 'local' else 2",
        "match where:\n    case 'laptop': pass",
        "while 'localhost' in url: pass",
        "x = [y for y in z if on_aws]",
        "import os\nx = os.environ.get('AWS_ENDPOINT_URL_GLUE')",
        "import os\nx = os.environ['LOCAL_RDS_HOST']",
        "import os\nx = os.getenv('AWS_ENDPOINT_URL')",
    ],
)
@pytest.mark.parametrize("folder", SHIPPED)
def test_a_question_where_it_runs_is_found(tmp_path: Path, folder: str, code: str) -> None:
    (tmp_path / folder).mkdir(parents=True)
    (tmp_path / folder / "x.py").write_text(code + "\n")
    (found,) = place_checks(tmp_path)
    assert found.startswith(f"{folder}/x.py:")


@pytest.mark.parametrize(
    "code",
    ["if local_time > start:\n    pass", "import os\nx = os.environ['AWS_DEFAULT_REGION']"],
)
def test_other_questions_are_not(tmp_path: Path, code: str) -> None:
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "x.py").write_text(code + "\n")
    assert place_checks(tmp_path) == []


@pytest.mark.parametrize(
    "code",
    [
        "def f(df): df.write.parquet('x')",
        "def f(F): return F.current_timestamp()",
        "open('x')",
        "import pyspark.sql as s\ndef f(): s.SparkSession",
    ],
)
def test_an_impure_transform_is_found(tmp_path: Path, code: str) -> None:
    (tmp_path / TRANSFORMS).mkdir(parents=True)
    (tmp_path / TRANSFORMS / "x.py").write_text(code + "\n")
    assert len(impure_transforms(tmp_path)) == 1
