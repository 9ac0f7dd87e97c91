"""All results of an SLO review, in the order in which people read them."""

from datetime import datetime

from tasks.check_result import CheckResult, Message
from tasks.slo.budget.state import ObjectiveState
from tasks.slo.judge.budget import judge_budget
from tasks.slo.judge.burn import judge_burn
from tasks.slo.judge.deploys import judge_deploys
from tasks.slo.judge.incidents import judge_downtime, judge_resolution
from tasks.slo.judge.objectives import judge_objective
from tasks.slo.review import Review
from tasks.slo.settings import DeployFrequency, Objective, Resolution, Slo
from tasks.slo.sli.indicators import by_module
from tasks.slo.windows import minute_of


def judge_review(review: Review, slo: Slo, environment: str, source: Message, now: datetime) -> tuple[CheckResult, ...]:
    """Every objective, then budgets, burn rates and downtime."""
    results = [_objective(o, review, environment, source, now) for o in review.objectives]
    results.append(judge_budget(review.measured, review.incidents, slo.policy, review.zone, now))
    results += [judge_burn(o, seen, slo.alerts, now) for o, seen in review.measured]
    uptime, window = review.uptime
    downtime = judge_downtime(uptime, review.incidents, window, now, review.data.maintenance)
    return (*results, downtime)


def _objective(objective: Objective, review: Review, environment: str, source: Message, now: datetime) -> CheckResult:
    window = review.windows[objective.name]
    if isinstance(objective, Resolution):
        return judge_resolution(objective, review.incidents, review.uptime[0], window, source, now)
    if isinstance(objective, DeployFrequency):
        deploys = review.deploys(objective, environment)
        ever = (objective.environment or environment) in review.data.deploys_since
        return judge_deploys(objective, deploys, source, now, ever=ever)
    seen, modules = review.known[objective.name], {}
    if isinstance(seen, ObjectiveState):
        span = (minute_of(window.start), minute_of(window.as_of))
        modules = by_module(objective, review.data, span, seen.excluded)
    return judge_objective(objective, seen, source, now, modules=modules)
