"""[guide] of a service file: lines given other checks, left out with a reason, or added."""

from dataclasses import replace
from typing import Annotated, Any

from pydantic import Discriminator, Field, StringConstraints, Tag, ValidationInfo, field_validator

from tasks.check_result import verbatim
from tasks.configuration import Model
from tasks.guide.lines import BUILTIN, CHECKS, GuideLine

_KEYS = {
    "daily-checklist": "daily",
    "weekly-checklist": "weekly",
    "backup-verification": "weekly",
    "monthly-checklist": "monthly",
    "slo-report": "monthly",
}
"""The rounds whose lines a service file can change, by their key there."""

_CHECKLISTS = ("daily-checklist", "weekly-checklist", "monthly-checklist")
"""Those that lines can be added to."""


class NotApplicable(Model):
    """Why a checklist line is left out for this service."""

    not_applicable: Annotated[str, StringConstraints(strip_whitespace=True, min_length=3)]


LineSaid = Annotated[
    Annotated[tuple[str, ...], Field(min_length=1), Tag("checks")] | Annotated[NotApplicable, Tag("not applicable")],
    Discriminator(lambda value: "not applicable" if isinstance(value, dict | NotApplicable) else "checks"),
]


class Guide(Model):
    """Lines of the built-in guide given other checks, left out with a reason, or added."""

    daily: dict[str, LineSaid] = Field(default_factory=dict)
    weekly: dict[str, LineSaid] = Field(default_factory=dict)
    monthly: dict[str, LineSaid] = Field(default_factory=dict)

    @field_validator("daily", "weekly", "monthly")
    @classmethod
    def _said(cls, value: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        flow = next(flow for flow in _CHECKLISTS if _KEYS[flow] == info.field_name)
        for line in BUILTIN[flow]:
            if len(keys := [name for name in line.names if name in value]) > 1:
                raise ValueError(f"these are one line of the guide, keep one of them: {', '.join(keys)}")
        for pattern in (pattern for said in value.values() if isinstance(said, tuple) for pattern in said):
            if not any(GuideLine("", verbatim(""), (pattern,)).covers(check.id) for check in CHECKS):
                raise ValueError(f"no check matches {pattern!r}; there are {', '.join(check.id for check in CHECKS)}")
        return value

    def lines(self, flow: str) -> tuple[GuideLine, ...]:
        """A checklist's lines in the guide's order, with what this file says of them; added lines come last."""
        said: dict[str, Any] = getattr(self, _KEYS[flow]) if flow in _KEYS else {}
        builtin = BUILTIN.get(flow, ())
        added = said if flow in _CHECKLISTS else {}
        own = (GuideLine(key, verbatim(key), ()) for key in added if not any(key in line.names for line in builtin))
        return tuple(_overridden(line, said) for line in (*builtin, *own))


def _overridden(line: GuideLine, said: dict[str, tuple[str, ...] | NotApplicable]) -> GuideLine:
    word = next((said[name] for name in line.names if name in said), None)
    if isinstance(word, NotApplicable):
        return replace(line, not_applicable=word.not_applicable)
    return line if word is None else replace(line, checks=word)
