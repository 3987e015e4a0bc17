"""The README's tables say what contracts and SQL headers say."""

from pathlib import Path

import pytest

from include.lake.contracts import load_lake
from include.lake.marts import load_marts
from include.lake.overview import with_tables

README = Path(__file__).parents[3] / "README.md"


def test_the_readme_is_up_to_date() -> None:
    text = README.read_text()
    wanted = with_tables(text, load_lake(), load_marts())
    assert text == wanted, "run: python -m include.lake.overview README.md"
    for contract in load_lake().contracts:
        assert f"| [`{contract.dataset}`](include/contracts/{contract.dataset}.yaml) |" in text
    for mart in load_marts():
        assert f"| [`{mart.name}`](sql/gold/{mart.name}.sql) |" in text


def test_a_file_without_a_place_for_them_is_refused() -> None:
    with pytest.raises(ValueError, match="no place for the sources"):
        with_tables("# A project\n", load_lake(), load_marts())
