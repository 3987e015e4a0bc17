"""One front for all tests of triggers."""

from collections.abc import Iterator

import pytest

from tests.unit.local_aws.jobs.whole_front import WholeFront, whole_front


@pytest.fixture(scope="module")
def lake(ministack: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeFront]:
    """A front with every service, a bucket and a database."""
    with whole_front(ministack, tmp_path_factory.mktemp("front")) as front:
        yield front
