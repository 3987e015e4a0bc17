"""What composing could change is found without Python."""

import re
import sys
import unicodedata

from retail_transforms import text


def test_no_character_that_composing_touches_is_passed_over() -> None:
    touched = {chr(code) for code in (*range(0x1161, 0x1176), *range(0x11A8, 0x11C3))}  # Korean
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        if unicodedata.normalize("NFC", character) != character or unicodedata.combining(character):
            touched.add(character)
        parts = unicodedata.decomposition(character).split()
        if len(parts) == 2 and not parts[0].startswith("<"):
            touched.add(chr(int(parts[1], 16)))
    java = text._MAY_NEED_IT
    pattern = re.compile(re.sub(r"\\x\{([0-9A-F]+)\}", lambda m: f"\\U{int(m[1], 16):08x}", java))
    assert [each for each in sorted(touched) if not pattern.search(each)] == []
    assert len(touched) > 2000
    assert not pattern.search("Stra\u00dfe \u20ac \u2013 \u4e2d \u0439 \U0001f600")
