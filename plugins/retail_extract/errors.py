"""Why an extract was not made, in one sentence that says what to do."""


class ExtractError(Exception):
    """The extract failed and left nothing; another attempt may succeed."""


class RefusedError(ExtractError):
    """No other attempt would succeed before somebody changes something, e.g. a password."""
