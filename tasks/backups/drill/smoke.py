"""The service's own smoke test on a restored database."""

import time

from tasks.backups.commands import Confined, confined, error_summary
from tasks.backups.facts import Smoke
from tasks.backups.formats.interface import Copy, Workplace
from tasks.backups.settings import Command
from tasks.backups.targets import Target
from tasks.check_result import Message, msg
from tasks.observation import ObservationError, Unobserved
from tasks.outside import external_text
from tasks.processes import run


def smoke_of(copy: Copy, target: Target, at: Workplace) -> Smoke | Unobserved | None:
    """How the service's own smoke test ended on the copy; None if none is set."""
    backups, deadline = target.backups, at.deadline
    if backups.smoke is None:
        return None
    began = time.monotonic()
    try:
        ready = _ready(backups.smoke, copy, target, at)
        limit_s = min(backups.smoke_timeout_s, deadline.require())
        ran = run(ready.argv, deadline_s=limit_s, **ready.options)
        if ran.timed_out and limit_s < backups.smoke_timeout_s:
            deadline.require()  # the drill's time was over, not that of the test
    except FileNotFoundError:
        return Unobserved(msg("The smoke command is not on this machine: {name}", name=external_text(backups.smoke[0])))
    except ObservationError as error:
        return Unobserved(error.reason)
    took = round(time.monotonic() - began, 3)
    if ran.timed_out:
        return Smoke(False, msg("The smoke test did not finish within {seconds} s", seconds=round(limit_s)), took)
    if ran.returncode == 0:
        return Smoke(True, msg("The smoke test passed"), took)
    return Smoke(False, _failed(ran.returncode, error_summary(ran.stderr or ran.stdout)), took)


def _ready(command: Command, copy: Copy, target: Target, at: Workplace) -> Confined:
    """The command beside the copy: in the room of its server or of its file; one of another machine by the network."""
    access = target.backups.smoke_access
    if copy.file is not None:
        room = at.confinement.room(copy.file.parent)
        url = f"sqlite:///{room.inside / copy.file.name}"
    elif copy.room is not None:
        room, url = copy.room, copy.url_inside
    else:
        room, url = at.confinement.room("smoke"), copy.url
        access = access.model_copy(update={"network": True})
    return confined(command, target.folder, access, room, {"DATABASE_URL": url})


def _failed(status: int, why: str) -> Message:
    return msg("The smoke test ended with exit status {status}: {why}", status=status, why=why)
