"""Where drills work, and with what."""

import shutil
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from functools import cache
from pathlib import Path

from tasks.backups.drill.folder import drill_folder, private_folder
from tasks.backups.formats.interface import Confined, Workplace
from tasks.backups.settings import Backups
from tasks.backups.targets import Target
from tasks.check_result import msg
from tasks.deadline import Deadline
from tasks.observation import ObservationError, printable
from tasks.postgres.installation import Installation, installations, reached_by, server_account
from tasks.sandbox.bounds import Bounds
from tasks.sandbox.confinement import Confinement, everybody_enters

_SHARE_OF_DISK = 0.9


def workplace(target: Target, backups: Backups, deadline: Deadline, stack: ExitStack) -> Workplace:
    """A private folder that goes with `stack`; raises ObservationError if another drill goes on in it."""
    folder = stack.enter_context(drill_folder(_root(target, backups), deadline))
    return _workplace(target, backups, deadline, stack, folder, lambda: folder)


def reading_place(target: Target, backups: Backups, deadline: Deadline, stack: ExitStack) -> Workplace:
    """The same for what restores nothing, also beside a drill: its folder is made when a program needs it."""
    root = _root(target, backups)
    return _workplace(target, backups, deadline, stack, root, lambda: stack.enter_context(private_folder(root)))


def _workplace(
    target: Target, backups: Backups, deadline: Deadline, stack: ExitStack, folder: Path, private: Callable[[], Path]
) -> Workplace:
    def confine() -> Confinement:
        own = private()
        bounds = Bounds.of_this_machine(int(shutil.disk_usage(own).free * _SHARE_OF_DISK))
        made = Confinement(own, server_account(), bounds, required=backups.isolation == "required")
        if made.bwrap is None and made.account is not None and not everybody_enters(own):
            raise ObservationError(
                msg(
                    "The account of the restore drill cannot enter {folder}: set [backups] folder to one that every "
                    "user may enter",
                    folder=printable(str(own.parent)),
                )
            )
        return made

    confined = Confined(confine)

    def programs() -> tuple[Installation, ...]:
        found = installations(tuple(target.folder / place for place in backups.postgres))
        made = confined.get() if found else None
        if made is None or made.bwrap is not None or made.account is None:
            return found
        account, own = made.account, made.folder
        return tuple(reached_by(account, one, own) for one in found)

    return Workplace(cache(programs), deadline, folder, confined, stack, backups.jobs, backups.disk_factor)


def _root(target: Target, backups: Backups) -> Path:
    """A relative folder starts from the service file's."""
    return Path(tempfile.gettempdir()) if backups.folder is None else target.folder / backups.folder
