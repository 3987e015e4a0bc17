"""XML with a row tag, as a custom classifier names it: every element of that name is a record.

Names follow the defaults of Glue's XML reader: an attribute's column starts with `_`, and the text
of an element that has attributes or children as well is `_value`. An element that occurs several
times in its parent is an array. An element without content (`<row a="1"/>`) is no
record; Glue reads none either unless it has an end tag of its own.
"""

from typing import Any
from xml.etree.ElementTree import Element, ParseError, XMLPullParser

from include.local_aws.crawlers.types import Array, Struct, Type, merge, of_text

ATTRIBUTE, VALUE = "_", "_value"


def records(data: bytes, row_tag: str) -> tuple[Struct, int, tuple[str, ...]] | None:
    """Read the records of an XML document, or of its beginning.

    Args:
        data: the document; it may be cut anywhere.
        row_tag: local name of the elements that are records.

    Returns:
        The columns, the number of records, and the columns' names as they are written; None when it
        is not XML or has no such element.
    """
    parser: XMLPullParser[Any] = XMLPullParser(("start", "end"))
    count, inside = 0, 0
    shape: Type = Struct(())
    names: dict[str, None] = {}
    try:
        parser.feed(data)
        events: Any = parser.read_events()
        for event, element in events:
            if not isinstance(element, Element) or _local(element.tag) != row_tag:
                continue
            inside += 1 if event == "start" else -1
            if event == "end" and inside == 0 and (len(element) or element.text):
                found = _of_element(element)
                fields = found if isinstance(found, Struct) else Struct(((VALUE, found),))
                shape, count = merge_xml(shape, fields), count + 1
                names.update(dict.fromkeys(ATTRIBUTE + _local(name) for name in element.attrib))
                names.update(dict.fromkeys(_local(child.tag) for child in element))
                element.clear()
    except (ParseError, LookupError):  # not XML, or in an encoding that nobody knows
        return None
    if count == 0 or not isinstance(shape, Struct):
        return None
    return shape, count, tuple(names)


def merge_xml(left: Type, right: Type) -> Type:
    """Give the smallest type that holds both, where one element stands for an array of one."""
    if isinstance(left, Array) != isinstance(right, Array) and None not in (left, right):
        first = left.element if isinstance(left, Array) else left
        second = right.element if isinstance(right, Array) else right
        return Array(merge_xml(first, second))
    if isinstance(left, Array) and isinstance(right, Array):
        return Array(merge_xml(left.element, right.element))
    if isinstance(left, Struct) and isinstance(right, Struct):
        fields = dict(left.fields)
        for name, kind in right.fields:
            fields[name] = merge_xml(fields.get(name), kind)
        return Struct(tuple(fields.items()))
    return merge(left, right)


def _of_element(element: Element) -> Type:
    """Give the type of an element: a value, or a struct of attributes and children."""
    text = (element.text or "").strip()
    if not len(element) and not element.attrib:
        return of_text(text)
    fields: dict[str, Type] = {
        (ATTRIBUTE + _local(name)).lower(): of_text(value) for name, value in element.attrib.items()
    }
    seen: set[str] = set()
    for child in element:
        name, kind = _local(child.tag).lower(), _of_element(child)
        if name in seen:
            before = fields[name]
            kind = merge_xml(before if isinstance(before, Array) else Array(before), Array(kind))
        seen.add(name)
        fields[name] = kind
    if text:
        fields[VALUE] = of_text(text)
    return Struct(tuple(fields.items()))


def _local(tag: str) -> str:
    """Give a name without its namespace."""
    return tag.rpartition("}")[2]
