"""負荷テスト / load test: an environment of the service under load, every week."""

from datetime import timedelta
from typing import Any

from prefect import State, flow

from flows.checklist import Checklist, run_checklist
from flows.options import LoadOptions
from flows.timing import Schedule, Timing
from tasks.check_result import msg
from tasks.load.section import LOAD_TEST, load_system

CHECKLIST = Checklist(
    name="load-test",
    title=msg("Load test"),  # 負荷テスト
    guide="weekly",
    systems=(
        LOAD_TEST,  # パフォーマンスレポートの作成
    ),
    form=LoadOptions,
    timing=Timing(max_lateness=timedelta(hours=6), deadline=timedelta(hours=3)),
    schedule=Schedule("0 3 * * 0", "weekly-sunday-0300"),
    takes_added_lines=False,
    only_if_configured=True,
)


@flow(name=CHECKLIST.name, flow_run_name=CHECKLIST.run_name, retries=0, timeout_seconds=CHECKLIST.deadline_s)
async def load_test(service: str, options: LoadOptions = LoadOptions()) -> State[Any]:  # noqa: B008
    """負荷テスト: 検証環境に負荷をかけて計測 / Load test: an environment, usually staging, under load.

    Args:
        service: 対象サービスの名前 / name of the service, as in its service file
        options: 実行条件 / which profile, and whether production may be loaded
    """
    system = load_system(options.profile, production=options.production)
    return await run_checklist(CHECKLIST, service, options, (system,))
