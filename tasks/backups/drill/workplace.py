"""Where drills work, and with what."""

import tempfile
from contextlib import ExitStack
from functools import cache
from pathlib import Path

from tasks.backups.drill.folder import drill_folder
from tasks.backups.formats.interface import Tools, Workplace
from tasks.backups.settings import Backups
from tasks.backups.targets import Target
from tasks.deadline import Deadline
from tasks.postgres.installation import installations


def workplace(target: Target, backups: Backups, deadline: Deadline, stack: ExitStack) -> Workplace:
    """A private folder that goes with `stack`; raises ObservationError if another drill goes on in it."""
    folder = stack.enter_context(drill_folder(_root(backups, target.folder), deadline))
    find_installations = tools(target, backups, deadline).installations
    return Workplace(find_installations, deadline, folder, stack, backups.jobs, backups.disk_factor)


def tools(target: Target, backups: Backups, deadline: Deadline) -> Tools:
    """The PostgreSQL programs of this machine, searched for once and only when they are needed."""
    configured = tuple(target.folder / place for place in backups.postgres)
    return Tools(cache(lambda: installations(configured)), deadline)


def _root(backups: Backups, folder: Path) -> Path:
    """A relative folder starts from the service file's."""
    return Path(tempfile.gettempdir()) if backups.folder is None else folder / backups.folder
