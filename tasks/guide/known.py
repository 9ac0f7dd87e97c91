"""Every check and every built-in line, found in the systems' folders."""

from functools import cache

from tasks.causes import Cause
from tasks.check_result import Check
from tasks.discovery import modules
from tasks.guide.lines import GuideLine


@cache
def every_check() -> tuple[Check, ...]:
    """The checks of all systems: CHECKS of each `tasks/<system>/checks.py`."""
    return tuple(check for module in modules("checks") for check in module.CHECKS)


@cache
def every_line() -> tuple[GuideLine, ...]:
    """The guide's lines that systems answer: LINE of those modules; a system that shares another's has none."""
    return tuple(module.LINE for module in modules("checks") if hasattr(module, "LINE"))


@cache
def every_cause() -> tuple[Cause, ...]:
    """What systems declare as the cause of other findings: CAUSES of those modules, the deepest ones first."""
    return tuple(cause for module in modules("checks") for cause in getattr(module, "CAUSES", ()))
