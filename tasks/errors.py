"""Errors whose text is for the reader: it names the place and says what to do."""


class ExplainedError(Exception):
    """Something outside is not as it must be; a command prints the text and ends with status 3."""


class UsageError(ExplainedError):
    """Something was asked or configured that cannot be; a command prints the text and ends with status 2."""
