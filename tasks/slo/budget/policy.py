"""The error budget policy: what the state of a budget requires of a team."""

from enum import StrEnum

from tasks.slo.settings import Policy


class PolicyStep(StrEnum):
    """Steps of the policy, the mildest first."""

    NORMAL = "normal"
    CAUTION = "caution"
    POSTMORTEM = "postmortem"
    EXHAUSTED = "exhausted"

    @property
    def rank(self) -> int:
        """How grave it is, from 0."""
        return list(PolicyStep).index(self)


def policy_step(left: float, worst_incident: float, policy: Policy) -> PolicyStep:
    """The step for what is left of a budget, and what the worst single incident took of it."""
    if left <= 0:
        return PolicyStep.EXHAUSTED
    if left < policy.postmortem_below or worst_incident > policy.incident_share:
        return PolicyStep.POSTMORTEM
    return PolicyStep.NORMAL if left > policy.caution_below else PolicyStep.CAUTION
