"""Numbers arrive exactly or not at all, whichever database writes them."""

from decimal import Decimal

import pytest

from retail_extract.errors import ExtractError
from retail_extract.parquet import batch_of_text, batches_of_csv
from retail_extract.table import ExtractColumn

FITTING = [
    (12, 2, "9999999999.99"),
    (12, 2, "-9999999999.99"),
    (18, 2, "-0.01"),
    (38, 18, "99999999999999999999.999999999999999999"),
    (38, 2, "9" * 36),
    (38, 0, "9" * 38),
    (5, 5, "0.12345"),
]
TOO_LARGE = [
    (12, 2, "10000000000"),
    (12, 2, "99999999999"),
    (38, 18, "100000000000000000000"),
    (38, 18, "9342321999973744192978"),
    (38, 2, "9" * 37),
    (38, 0, "9" * 39),
    (5, 5, "1"),
    (5, 2, "1.234"),
    (5, 2, "NaN"),
]


def as_read(precision: int, scale: int, text: str) -> list[Decimal]:
    """The number as it comes from PostgreSQL, and as it comes from MySQL."""
    columns = [ExtractColumn("price", "decimal", precision, scale)]
    (csv,) = batches_of_csv(f"{text}\n".encode(), columns)
    rows = batch_of_text([(text.encode(),)], columns, frozenset())
    return [*csv["price"].to_pylist(), *rows["price"].to_pylist()]


@pytest.mark.parametrize(("precision", "scale", "text"), FITTING)
def test_what_fits_is_exact(precision: int, scale: int, text: str) -> None:
    assert as_read(precision, scale, text) == [Decimal(text)] * 2


@pytest.mark.parametrize(("precision", "scale", "text"), TOO_LARGE)
def test_what_does_not_fit_is_refused(precision: int, scale: int, text: str) -> None:
    columns = [ExtractColumn("price", "decimal", precision, scale)]
    wrong = rf"column price: a value does not fit its declared type decimal\({precision},{scale}\)"
    with pytest.raises(ExtractError, match=wrong):
        batches_of_csv(f"{text}\n".encode(), columns)
    with pytest.raises(ExtractError, match=wrong):
        batch_of_text([(text.encode(),)], columns, frozenset())
