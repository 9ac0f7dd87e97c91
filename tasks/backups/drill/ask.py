"""What follows a restore, of whatever kind: the invariants are checked, then the service is tested."""

from dataclasses import dataclass

from tasks.backups.drill.answers import answers_of
from tasks.backups.drill.smoke import smoke_of
from tasks.backups.facts import Answer, Smoke
from tasks.backups.formats.interface import Copy, Workplace
from tasks.backups.targets import Target
from tasks.observation import Unobserved


@dataclass(frozen=True, slots=True)
class Asked:
    """What a copy answered, how the smoke test ended, and what a recovery takes with it."""

    answers: tuple[Answer, ...]
    smoke: Smoke | Unobserved | None
    recovery_s: float


def ask(copy: Copy, target: Target, at: Workplace) -> Asked:
    """Ask a copy, before the service, which may write to it."""
    answers = answers_of(copy, target, at.deadline)
    smoke = smoke_of(copy, target, at)
    tested_s = smoke.seconds if isinstance(smoke, Smoke) else 0.0
    return Asked(answers, smoke, round(copy.took_s + tested_s, 3))
