"""What a command makes, in a file that is there whole or not at all, or on stdout."""

from pathlib import Path

from deployments.terminal import write_data
from tasks.errors import UsageError
from tasks.files import write_whole

STDOUT = "-"


def write_output(output: str, text: str) -> None:
    """Write a text to a file, or to stdout for `-`. Raises UsageError for a file that cannot be written."""
    if output == STDOUT:
        write_data(text)
        return
    path = Path(output)
    try:
        write_whole(path.resolve(), text.encode())
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from None
