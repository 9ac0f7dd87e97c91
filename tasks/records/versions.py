"""Deploys inferred from the running version: pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from tasks.records.facts import Deploy, DeployOutcome, Origin

ROLLING = timedelta(hours=1)
"""For so long before and after a deploy, either version may be seen."""


def ended(deploy: Deploy) -> datetime:
    """When a deploy ended, as far as it is known."""
    return deploy.ended_at or deploy.started_at


def around(deploy: Deploy) -> tuple[datetime, datetime]:
    """The time in which its version may have been seen first."""
    return deploy.started_at - ROLLING, ended(deploy) + ROLLING


def deploy_origin(known: Sequence[Deploy], version: str, now: datetime) -> Origin | None:
    """The origin of a deploy when all instances run a version; None when the known deploys explain it.

    The first version of an environment is no deploy. While a recorded one may still be on its way, nothing is
    concluded; after one that failed, the version that succeeded before it is no new one.
    """
    if not known:
        return Origin.FIRST_SEEN
    newest = max(known, key=ended)
    if newest.version == version:
        return None
    recorded = [ended(deploy) for deploy in known if deploy.origin is Origin.RECORDED]
    if recorded and now - max(recorded) < ROLLING:
        return None
    good = max((d for d in known if d.outcome is DeployOutcome.SUCCEEDED), key=ended, default=None)
    return None if good is not None and good.version == version else Origin.INFERRED
