"""The error of a backup that a drill cannot climb past."""

from tasks.check_result import Message


class BadBackup(Exception):
    """The backup is bad: a verdict, unlike an ObservationError."""

    def __init__(self, reason: Message) -> None:
        super().__init__(reason.text.format(**reason.params))
        self.reason = reason
