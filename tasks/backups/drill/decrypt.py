"""Encrypted backups, decrypted by the team's own command into the drill's private folder."""

import errno
import os
from pathlib import Path

from tasks.backups.commands import confined, error_summary
from tasks.backups.errors import BadBackup
from tasks.backups.files.manifest import pieces
from tasks.backups.files.room import require_room
from tasks.backups.formats.interface import Workplace
from tasks.backups.reasons import LATE
from tasks.backups.targets import Target
from tasks.check_result import msg
from tasks.observation import ObservationError
from tasks.outside import external_text
from tasks.processes import Finished, feed


def decrypted(backup: Path, target: Target, at: Workplace) -> Path:
    """The backup in plain, readable by its owner alone; raises BadBackup or ObservationError, and OSError.

    A command that writes more than such a backup may come to is ended.
    """
    command = target.backups.decrypt
    if command is None:
        raise ObservationError(msg("The backup is encrypted: set decrypt so that a restore drill can read it"))
    size = backup.stat().st_size
    require_room(at.folder, size * (1 + at.disk_factor))
    allowance = at.allowance(size)
    plain, room = at.folder / "plain", at.confinement.room("decrypt")
    plain.touch(0o600)
    try:
        ready = confined(command, target.folder, target.backups.decrypt_access, room, {}, lent=True)
    except FileNotFoundError:
        raise ObservationError(
            msg("The decrypt command is not on this machine: {name}", name=external_text(command[0]))
        ) from None
    with plain.open("wb") as into:
        ran = feed(
            ready.argv, pieces(backup), deadline_s=at.deadline.require(), into=into, most_into_bytes=allowance.bytes,
            **ready.options,
        )  # fmt: skip
    if ran.truncated and plain.stat().st_size > allowance.bytes:
        raise allowance.exceeded()
    _require_decrypted(ran)
    return plain


def _require_decrypted(ran: Finished) -> None:
    if ran.timed_out:
        raise ObservationError(LATE)
    if ran.returncode < 0:
        raise ObservationError(msg("The decrypt command was ended by signal {number}", number=-ran.returncode))
    if ran.returncode != 0 and os.strerror(errno.ENOSPC).encode() in ran.stderr:
        raise ObservationError(msg("The disk became full: set [backups] folder to a larger disk"))
    if ran.returncode != 0:
        why = error_summary(ran.stderr)
        raise BadBackup(
            msg("The backup cannot be decrypted (exit status {status}): {why}", status=ran.returncode, why=why)
        )
