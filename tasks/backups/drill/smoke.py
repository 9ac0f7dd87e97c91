"""The service's own smoke test on a restored database."""

import time
from pathlib import Path

from tasks.backups.commands import command_environment, command_line, error_summary
from tasks.backups.facts import Smoke
from tasks.backups.formats.interface import Copy
from tasks.backups.settings import BackedUp
from tasks.check_result import Message, msg
from tasks.deadline import Deadline
from tasks.observation import ObservationError, Unobserved
from tasks.outside import external_text
from tasks.processes import run


def smoke_of(copy: Copy, backups: BackedUp, folder: Path, deadline: Deadline) -> Smoke | Unobserved | None:
    """How the service's own smoke test ended on the copy; None if none is set."""
    if backups.smoke is None:
        return None
    began = time.monotonic()
    environment = command_environment(DATABASE_URL=copy.url)
    try:
        limit_s = min(backups.smoke_timeout_s, deadline.require())
        ran = run(command_line(backups.smoke, folder), deadline_s=limit_s, env=environment, cwd=folder)
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


def _failed(status: int, why: str) -> Message:
    return msg("The smoke test ended with exit status {status}: {why}", status=status, why=why)
