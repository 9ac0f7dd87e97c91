"""Where drills work, and with what."""

import shutil
import tempfile
from contextlib import AbstractContextManager, ExitStack
from functools import cache
from pathlib import Path

from tasks.backups.drill.folder import drill_folder, private_folder
from tasks.backups.formats.interface import Confined, Workplace
from tasks.backups.settings import Backups
from tasks.backups.targets import Target
from tasks.deadline import Deadline
from tasks.postgres.installation import installations, server_account
from tasks.sandbox.bounds import Bounds
from tasks.sandbox.confinement import Confinement

_SHARE_OF_DISK = 0.9


def workplace(target: Target, backups: Backups, deadline: Deadline, stack: ExitStack) -> Workplace:
    """A private folder that goes with `stack`; raises ObservationError if another drill goes on in it."""
    return _workplace(drill_folder(_root(target, backups), deadline), target, backups, deadline, stack)


def reading_place(target: Target, backups: Backups, deadline: Deadline, stack: ExitStack) -> Workplace:
    """The same for what restores nothing, also beside a drill."""
    return _workplace(private_folder(_root(target, backups)), target, backups, deadline, stack)


def _workplace(
    private: AbstractContextManager[Path], target: Target, backups: Backups, deadline: Deadline, stack: ExitStack
) -> Workplace:
    folder = stack.enter_context(private)
    bounds = Bounds.of_this_machine(int(shutil.disk_usage(folder).free * _SHARE_OF_DISK))
    required = backups.isolation == "required"
    confined = Confined(lambda: Confinement(folder, server_account(), bounds, required=required))
    configured = tuple(target.folder / place for place in backups.postgres)
    return Workplace(
        cache(lambda: installations(configured)), deadline, folder, confined, stack, backups.jobs, backups.disk_factor
    )


def _root(target: Target, backups: Backups) -> Path:
    """A relative folder starts from the service file's."""
    return Path(tempfile.gettempdir()) if backups.folder is None else target.folder / backups.folder
