from tasks.check_result import CheckResult
from tasks.round import Round


async def judge_personal_week(run: Round) -> tuple[CheckResult, ...]:
    return ()
