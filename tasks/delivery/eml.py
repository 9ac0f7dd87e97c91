"""Where there is no mail server, a message becomes a file that every mail program opens."""

import hashlib
import re
from email.message import EmailMessage
from pathlib import Path

from tasks.delivery.encoding import encoded, needs_utf8
from tasks.delivery.errors import DeliveryError, MailOutcome
from tasks.files import PRIVATE, PRIVATE_FOLDER, make_folder, narrow, write_whole

_LONGEST_STEM = 80


def write_eml(message: EmailMessage, folder: Path) -> Path:
    """The file of a message, complete or not there at all; the same Message-ID is the same file.

    Raises DeliveryError RETRY when the folder cannot be written, ValueError without a Message-ID.
    """
    file = folder / _name(message)
    data = encoded(message, utf8=needs_utf8(message))
    try:
        make_folder(folder, PRIVATE_FOLDER)
        narrow(folder, PRIVATE_FOLDER)
        write_whole(file, data, mode=PRIVATE)
    except OSError as error:
        raise DeliveryError(
            MailOutcome.RETRY,
            f"the mail folder {folder} cannot be written ({error.strerror}): make it a folder that "
            "this process may write to, with free space, or set [mail] smtp; then send again",
        ) from error
    return file


def _name(message: EmailMessage) -> str:
    """Readable, and by the digest different for ids that differ only in what a file name cannot show."""
    message_id = str(message["Message-ID"] or "").strip()
    if not message_id:
        raise ValueError("a message needs a Message-ID before it is delivered")
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", message_id).strip("-.")[:_LONGEST_STEM]
    digest = hashlib.sha256(message_id.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"{stem}-{digest}.eml"
