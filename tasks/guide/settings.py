"""[guide] of a service file: items given other checks, left out with a reason, or added."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, StringConstraints, Tag, field_validator

from tasks.check_result import verbatim
from tasks.configuration import Model
from tasks.guide.known import every_check, every_line
from tasks.guide.lines import GuideLine

Key = Literal["daily", "weekly", "monthly"]
"""The checklists of a guide, as a service file names them."""


class NotApplicable(Model):
    """Why a checklist item is left out for this service."""

    not_applicable: Annotated[str, StringConstraints(strip_whitespace=True, min_length=3)]
    """The reason, shown in the report: the item is left out."""


LineOverride = Annotated[
    Annotated[tuple[str, ...], Field(min_length=1), Tag("checks")] | Annotated[NotApplicable, Tag("not applicable")],
    Discriminator(lambda value: "not applicable" if isinstance(value, dict | NotApplicable) else "checks"),
]


class Guide(Model):
    """Items of the built-in guide given other checks, left out with a reason, or added."""

    daily: dict[str, LineOverride] = Field(default_factory=dict)
    """Items of the daily checklist by their id, their English or their Japanese text: patterns of check ids
    (`health.*`), or a reason why the item does not apply. Other texts are items of your own, shown last."""

    weekly: dict[str, LineOverride] = Field(default_factory=dict)
    """The same for the weekly checklist."""

    monthly: dict[str, LineOverride] = Field(default_factory=dict)
    """The same for the monthly checklist."""

    @field_validator("daily", "weekly", "monthly")
    @classmethod
    def _known_names(cls, value: dict[str, Any]) -> dict[str, Any]:
        for line in every_line():
            if len(keys := [name for name in line.names if name in value]) > 1:
                raise ValueError(f"these are the same item of the guide, keep one of them: {', '.join(keys)}")
        checks = every_check()
        for pattern in (p for override in value.values() if isinstance(override, tuple) for p in override):
            if not any(GuideLine("", verbatim(""), (pattern,)).covers(check.id) for check in checks):
                raise ValueError(
                    f"no check matches {pattern!r}; known checks: {', '.join(check.id for check in checks)}"
                )
        return value

    def lines(
        self, key: Key, builtin: Iterable[GuideLine], additional: Iterable[GuideLine] = (), *, takes_added: bool
    ) -> tuple[GuideLine, ...]:
        """These items with the overrides that the file has under `key`; added ones come last.

        Those of `additional` are items only where the file names them.
        """
        overrides = getattr(self, key)
        known = (*builtin, *(line for line in additional if any(name in overrides for name in line.names)))
        added = overrides if takes_added else ()
        own = (GuideLine(name, verbatim(name), ()) for name in added if not any(name in line.names for line in known))
        return tuple(_overridden(line, overrides) for line in (*known, *own))


def _overridden(line: GuideLine, overrides: dict[str, tuple[str, ...] | NotApplicable]) -> GuideLine:
    override = next((overrides[name] for name in line.names if name in overrides), None)
    if isinstance(override, NotApplicable):
        return replace(line, not_applicable=override.not_applicable)
    return line if override is None else replace(line, checks=override)
