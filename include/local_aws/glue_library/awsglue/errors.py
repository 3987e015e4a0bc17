"""What this library does not do, said clearly."""


class NotSupportedHere(Exception):
    """Something that AWS Glue has and the local one has not; the script cannot go on.

    Args:
        what: The missing thing, and what to do instead if there is something.
    """

    def __init__(self, what: str) -> None:
        super().__init__(f"not supported here: {what}")


class MissingHere(NotSupportedHere, AttributeError):
    """A method that AWS Glue has and this library has not; `hasattr` says False of it."""
