import pytest

from include.local_aws.gateway.errors import RemoteError
from include.local_aws.gateway.paths import ObjectPath, ascii_target, split_target

# What Hadoop 3.3.4's client was seen to send for these paths, and as a rename's destination.
SENT = [
    ("sale_date=2024-11-01/a", "sale_date=2024-11-01/a", "sale_date%3D2024-11-01%2Fa"),
    ("a b", "a%20b", "a+b"),
    ("ünï 漢", "ünï%20漢".encode().decode("latin-1"), "%C3%BCn%C3%AF+%E6%BC%A2"),
    ("at=10%3A00 x", "at=10%253A00%20x", "at%3D10%253A00+x"),
    ("a+b c", "a+b%20c", "a%2Bb+c"),
    ("a;b", "a;b", "a%3Bb"),
    ("100%", "100%25", "100%25"),
    ("a%2Fb", "a%252Fb", "a%252Fb"),
    ("a&b?c#d", "a&b%3Fc%23d", "a%26b%3Fc%23d"),
    ("%41", "%2541", "%2541"),
]


@pytest.mark.parametrize(("key", "path", "destination"), SENT)
def test_keys_are_read_exactly(key: str, path: str, destination: str) -> None:
    target = f"/webhdfs/v1/bk/{path}?op=RENAME&destination=%2Fbk%2F{destination}"
    text, query = split_target(target)
    assert ObjectPath.parse(text) == ObjectPath("bk", key)
    assert ObjectPath.parse(query["destination"]) == ObjectPath("bk", key)
    assert split_target(ascii_target(target)) == (text, query)
    assert ascii_target(target).isascii()


@pytest.mark.parametrize("path", ["/bk/../x", "/bk/a/./b", "/bk/a/..", "/..", "/bk/a\0b"])
def test_a_path_cannot_leave_its_bucket(path: str) -> None:
    with pytest.raises(RemoteError, match="has a part"):
        ObjectPath.parse(path)


@pytest.mark.parametrize(
    ("key", "staged"),
    [
        ("out/_temporary/0/x", True),
        ("out/_temporary", True),
        ("out/.spark-staging-1a2b/day=1", True),
        ("out/_temporary_things/x", False),
        ("out/_SUCCESS", False),
        ("", False),
    ],
)
def test_uncommitted_output_is_told_by_its_folder(key: str, staged: bool) -> None:
    assert ObjectPath("bk", key).staged is staged


def test_other_targets_are_refused() -> None:
    for target in ("/webhdfs/v10/x?op=OPEN", "/", "/webhdfs/v1/%FF?op=OPEN"):
        with pytest.raises(RemoteError):
            split_target(target)


def test_inside_and_beside() -> None:
    out = ObjectPath("bk", "out")
    assert ObjectPath("bk", "out/x").is_below(out)
    assert out.is_below(out)
    assert not ObjectPath("bk", "outer").is_below(out)
    assert not ObjectPath("other", "out/x").is_below(out)
    assert out.is_below(ObjectPath("bk"))
