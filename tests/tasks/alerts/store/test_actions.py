"""What is kept of actions, on both databases."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, text

from tasks.alerts.facts import Condition, Episode, Phase, Policy, Said, Signal
from tasks.alerts.judge.minute import Rulebook
from tasks.alerts.settings import Action
from tasks.alerts.store.actions import ActionState, Effect, _effect_of, finish_action
from tasks.alerts.store.minute import Reach, keep_minute
from tasks.check_result import Severity, msg
from tasks.history.engine import reading, writing
from tasks.history.services import locked_service
from tests.fixtures.databases import waits_for_a_lock

NOON = datetime(2026, 11, 24, 12, 0, 3, tzinfo=UTC)


def test_one_that_ends_while_it_is_given_up_for_lost_waits_for_that(history: Engine) -> None:
    bad = Signal(
        condition=Condition("monitoring", "resources.disk", "host/disk:/"),
        said=Said.BAD,
        at=NOON,
        title=msg("Disk usage"),
        reason=msg("Full"),
        level=Severity.WARNING,
        action="tidy",
    )
    action = Action(name="tidy", command=("tidy",), dry_run=False)
    rules = Rulebook(lambda _: Policy(None, None, NOON - NOON), lambda _: "")
    reach = Reach(lambda _: (), actions={"tidy": action})
    [claimed] = keep_minute(history, "shop", [bad], NOON, rules, reach).claimed
    with ThreadPoolExecutor() as threads:
        with writing(history) as connection:  # as monitoring does it
            locked_service(connection, "shop")
            ending = threads.submit(finish_action, history, "shop", claimed, ActionState.DONE, "tidied", NOON)
            while history.dialect.name == "postgresql" and not waits_for_a_lock(history):
                assert not ending.done()
            connection.execute(text("UPDATE alert_actions SET state = 'lost'"))
        ending.result()
    with reading(history) as connection:
        [row] = connection.execute(text("SELECT state, output FROM alert_actions"))
    assert (row.state, row.output) == ("done", "tidied")


def test_samples_that_are_good_but_too_few_for_an_end_are_waited_for() -> None:
    minute = timedelta(minutes=1)
    action = Action(name="tidy", command=("tidy",), dry_run=False, verify_min=2)
    episode = Episode(
        condition=Condition("monitoring", "resources.disk", "host/disk:/"),
        policy=Policy(None, None, minute),
        title=msg("Disk usage"),
        reason=msg("Full"),
        level=Severity.WARNING,
        phase=Phase.FIRING,
        since=NOON - 5 * minute,
        updated_at=NOON,
        last_bad_at=NOON - minute,
    )
    bad, silent = replace(episode, last_bad_at=NOON + minute), replace(episode, no_data=True)

    def effects(of: Episode) -> list[Effect]:
        return [_effect_of(of, NOON, action, NOON + minutes * minute) for minutes in (1, 2, 4, 59, 60)]

    A, X = Effect.AWAITED, Effect.INEFFECTIVE
    reported = replace(episode, condition=Condition("prometheus", "prometheus.alert", "DiskFull"))
    assert effects(bad) == [A, X, X, X, X]
    assert effects(silent) == effects(reported) == [A, A, X, X, X]
    assert effects(episode) == effects(replace(reported, phase=Phase.RECOVERING)) == [A, A, A, A, X]
