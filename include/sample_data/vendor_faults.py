"""What is planted among the vendors' rows: every fault that their contract names, and odd cases."""

from collections.abc import Mapping
from dataclasses import dataclass, field

COLUMNS = (
    "Vendor",
    "Doc No",
    "Doc Type",
    "Doc Date",
    "Article No",
    "Article",
    "Group",
    "Qty",
    "Price",
    "Amount",
    "Region",
)
LAST_MINUTE = 86_340


@dataclass(frozen=True)
class Plant:
    """A planted row.

    Attributes:
        reason: Why it must end in quarantine; None when it must be kept.
        edits: Cells that replace the sound ones.
        days: Business day relative to the arrival day.
        second: Second of the business day; by default somewhere in the day.
        cells: Deliver this many cells instead of all; one too many repeats the last.
        returns: Whether it takes goods back.
        quantity: What the written quantity means.
        price: What the written price means, in pence.
        region: What the written region means.
        copy: Instead of a new line, one of the four kinds of copy in ``COPIES``.
    """

    reason: str | None = None
    edits: Mapping[str, str] = field(default_factory=dict)
    days: int = 0
    second: int | None = None
    cells: int = len(COLUMNS)
    returns: bool = False
    quantity: int | None = None
    price: int | None = None
    region: str | None = None
    copy: str | None = None


COPIES = ("same file", "other file", "next day", "corrected next day")
PLANTS = (
    *(Plant(copy=kind) for kind in COPIES),
    Plant("unreadable", cells=6),
    Plant("unreadable", cells=12),
    Plant("required:vendor_id", {"Vendor": ""}),
    Plant("required:vendor_txn_id", {"Doc No": " "}),
    Plant("required:doc_type", {"Doc Type": ""}),
    Plant("required:sold_at", {"Doc Date": ""}),
    Plant("required:product_id", {"Article No": ""}),
    Plant("required:product_name", {"Article": ""}),
    Plant("required:category", {"Group": ""}),
    Plant("required:quantity", {"Qty": "", "Region": "Atlantis"}),
    Plant("required:unit_price", {"Price": ""}),
    Plant("required:total_amount", {"Amount": ""}),
    Plant("required:region", {"Region": ""}),
    Plant("bad_pattern:vendor_id", {"Vendor": "17"}),
    Plant("bad_pattern:vendor_txn_id", {"Doc No": "9,2E+11"}),  # been in a spreadsheet
    Plant("not_accepted:doc_type", {"Doc Type": "Pro forma"}),
    Plant("not_accepted:region", {"Region": "Atlantis"}),
    Plant("invalid:sold_at", {"Doc Date": "12/31/2010 10:00"}),  # month first
    Plant("invalid:sold_at", {"Doc Date": "31/02/2010 10:00"}),
    Plant("invalid:sold_at", {"Doc Date": "2010-12-01 10:00:00"}),
    Plant("invalid:quantity", {"Qty": "2,5"}),
    Plant("invalid:quantity", {"Qty": "1.20"}),
    Plant("invalid:unit_price", {"Price": "12.50"}),  # a decimal point is never read as 1250
    Plant("invalid:unit_price", {"Price": "on request"}),
    Plant("invalid:total_amount", {"Amount": "1,234.56"}),
    Plant("invalid:total_amount", {"Amount": "12,505"}),
    Plant("out_of_range:quantity", {"Qty": "5.001"}),
    Plant("out_of_range:quantity", {"Qty": "-5001"}, returns=True),
    Plant("out_of_range:unit_price", {"Price": "0,00"}),
    Plant("out_of_range:unit_price", {"Price": "-12,50"}),
    Plant("rule:quantity_not_zero", {"Qty": "0"}),
    Plant("rule:quantity_sign", {"Qty": "-6"}),
    Plant("rule:quantity_sign", {"Qty": "6"}, returns=True),
    Plant("rule:amount_sign", {"Amount": "-36,00"}),
    Plant("rule:amount_sign", {"Amount": "36,00"}, returns=True),
    Plant("in_future:sold_at", days=1, second=0),
    Plant("too_late:sold_at", days=-4, second=LAST_MINUTE),
    Plant(days=-1),
    Plant(days=-2, returns=True),
    Plant(days=-3, second=0),  # the last moment that is not too late
    Plant(second=LAST_MINUTE),
    Plant(edits={"Doc Type": "credit note"}, returns=True),
    Plant(edits={"Qty": "1.200"}, quantity=1200),
    Plant(edits={"Qty": "12,0"}, quantity=12),
    Plant(edits={"Price": "1.234,56"}, price=123_456),
    Plant(edits={"Price": "1234,56"}, price=123_456),
    Plant(edits={"Region": " SÜD "}, region="South"),
    Plant(edits={"Region": "N"}, region="North"),
    Plant(edits={"Article": 'Café Press; "Junior", 0,3 l'}),
    Plant(edits={"Article": "Gift box;\nin two lines"}),
)
