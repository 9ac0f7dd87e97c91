"""Which findings explain others: a system declares it, so that what has one cause is one thing to do."""

import re
from dataclasses import dataclass
from typing import Literal

from tasks.check_result import CheckResult, Scalar, Status

_PLACE_ENDS = re.compile(r"[/ ]")


@dataclass(frozen=True, slots=True)
class Cause:
    """A bad result of `check` explains bad ones of `symptoms` and unknown ones of `unknown`.

    Those at the same place, of the very same subject, or of the whole `service`, where a check sums up its own results.
    A subject is a place (`a`), or something of it (`a/component:redis`, `a /api/items`); with `shared` the same thing
    that is bad at several places is one cause. `observed` limits the cause to results with that observation.
    """

    check: str
    symptoms: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    same: Literal["place", "subject", "service"] = "place"
    shared: bool = False
    observed: Scalar = None

    def is_shown_by(self, result: CheckResult) -> bool:
        """True when the result is a bad one of this check, with the observation that is asked for."""
        if result.check != self.check or result.status not in (Status.FAIL, Status.WARN) or result.observed is None:
            return False  # what is unknown is no cause
        return self.observed in (None, result.observed.value)

    def explains(self, cause: CheckResult, symptom: CheckResult) -> bool:
        """True when one that shows this cause is why the other is bad."""
        unknown = symptom.status is Status.UNKNOWN and symptom.check in self.unknown
        if symptom.check not in self.symptoms and not unknown:
            return False
        if self.same == "service":
            return symptom.subject == "service" != cause.subject
        if self.same == "subject":
            return cause.subject == symptom.subject
        return _place(cause.subject)[0] == _place(symptom.subject)[0]

    def name(self, result: CheckResult) -> tuple[str, str]:
        """What results that show one and the same cause have in common."""
        thing = _place(result.subject)[1] if self.shared else ""
        return self.check, thing or result.subject


def _place(subject: str) -> tuple[str, str]:
    end = _PLACE_ENDS.search(subject)
    return (subject, "") if end is None else (subject[: end.start()], subject[end.start() :])
