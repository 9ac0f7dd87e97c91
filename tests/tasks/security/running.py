"""A round of a service whose file a test writes."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from tasks.check_result import CheckResult
from tasks.history.runs import RunKey
from tasks.observation import Unobserved
from tasks.round import Round
from tasks.settings import load_settings

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
"""A Tuesday, noon in Tokyo; the week before is 2026-W47."""


def round_of(
    folder: Path,
    text: str,
    *,
    base_url: str = "http://127.0.0.1:9",
    past: Unobserved | None = None,
    period: str = "2026-W47",
    history: Any = None,
    now: datetime = NOW,
) -> Round:
    """The round of a service file with these sections."""
    file = folder / "shop.toml"
    service = f'[service]\nname = "shop"\nbase_url = "{base_url}"\ntimezone = "Asia/Tokyo"\n'
    file.write_text(f"{service}{text}", encoding="utf-8")
    key = RunKey("shop", "weekly-checklist", period, "hand")
    return Round(key, load_settings(file), cast(Any, history), now, now + timedelta(hours=1), past, False, lambda: now)


def words(result: CheckResult) -> str:
    """The reason in English."""
    return result.reason.text.format(**result.reason.params)
