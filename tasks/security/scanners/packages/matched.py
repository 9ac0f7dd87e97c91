"""Which of the packages that an advisory source answered for exist at all: OSV answers for any name alike."""

from dataclasses import replace

from tasks.check_result import msg
from tasks.deadline import Deadline
from tasks.errors import UsageError
from tasks.observation import ObservationError
from tasks.outside import external_text
from tasks.security.advisories.index import unknown_packages
from tasks.security.facts.scans import LeftOut, Package
from tasks.security.locks.interface import PYPI, Lock
from tasks.security.scanners.packages.advised import Answers
from tasks.security.scanners.packages.index_address import npm_index, python_index
from tasks.security.settings import NO_INDEX, Advisories

_UNKNOWN = msg("unmatched: the package index does not know it")
_NO_TIME = msg("The package index could not be asked: the scan's time ran out")
_NO_CERTIFICATES = msg("The package index could not be asked: pip's file of certificates cannot be read")


def matched(
    answers: Answers, lock: Lock, advisories: Advisories, deadline: Deadline, waits_s: tuple[float, ...]
) -> Answers:
    """The answers, with the packages that the index does not know left out; without its word, they are in doubt."""
    python = lock.ecosystem == PYPI
    if (advisories.index_url if python else advisories.npm_index_url) == NO_INDEX:
        return replace(answers, unproven=f"[security.advisories] {'index_url' if python else 'npm_index_url'}")
    refused = {left.what for left in answers.skipped}
    asked = [package for package in lock.packages if package.name not in refused]
    deadline = Deadline(deadline.until, _NO_TIME)
    try:
        index = python_index(advisories, deadline) if python else npm_index(advisories)
        unknown = unknown_packages(
            index, lock.ecosystem, asked, timeout_s=advisories.timeout_s, deadline=deadline, waits_s=waits_s
        )
    except ObservationError as error:
        return replace(answers, doubt=answers.doubt or error.reason)
    except UsageError:  # a file of the service file's own has been used for the advisories already
        return replace(answers, doubt=answers.doubt or _NO_CERTIFICATES)
    left_out = tuple(LeftOut(_pin(package), _UNKNOWN) for package in asked if package in unknown)
    return replace(answers, audited=answers.audited - len(left_out), skipped=(*answers.skipped, *left_out))


def _pin(package: Package) -> str:
    return external_text(f"{package.name}{'==' if package.ecosystem == PYPI else '@'}{package.version}", 120)
