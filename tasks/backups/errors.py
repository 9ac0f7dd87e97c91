"""A damaged or wrong backup, and one that cannot be taken as requested."""

from tasks.check_result import Message
from tasks.errors import UsageError


class BadBackup(Exception):
    """The backup is damaged or wrong: a verdict, unlike an ObservationError."""

    def __init__(self, reason: Message) -> None:
        super().__init__(reason.text.format(**reason.params))
        self.reason = reason


class BackupRefused(UsageError):
    """A backup or a manifest was asked for that cannot be made so."""
