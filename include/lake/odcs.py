"""Words of the Open Data Contract Standard that several readers share."""

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from include.lake.strict_yaml import Cursor

API_VERSION = "v3.1.0"
#: What may become a folder, table, column or task name; also safe to paste into SQL.
IDENTIFIER = r"[a-z][a-z0-9_]{0,62}"


def custom_properties(
    cursor: Cursor, required: tuple[str, ...] = (), optional: tuple[str, ...] = ()
) -> dict[str, Cursor]:
    """The values of a customProperties list (items ``property: …``, ``value: …``)."""
    found: dict[str, Cursor] = {}
    for item in cursor.items():
        entry = item.mapping(("property", "value"), ("description",))
        name = entry["property"].one_of((*required, *optional))
        if name in found:
            entry["property"].fail(f"{name} is given twice; keep one")
        found[name] = entry["value"]
    missing = [name for name in required if name not in found]
    if missing:
        cursor.fail(f"has no property {', '.join(missing)}; add '- property: {missing[0]}'")
    return found


def zone(cursor: Cursor) -> str:
    """An IANA time zone name that this machine knows."""
    name = cursor.text()
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        cursor.fail(f"{name!r} is not a time zone; use an IANA name such as Europe/London")
    return name
