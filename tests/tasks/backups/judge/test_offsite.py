"""Whether backups have off-site copies."""

from datetime import timedelta

import pytest

from tasks.backups.facts import Backup, OffsiteCopy
from tasks.backups.judge.offsite import judge_offsite
from tasks.backups.settings import BackedUp, Offsite
from tasks.check_result import Status, msg
from tests.tasks.backups.judge.test_files import BLIND, MB, NOW, ON, TARGET, backup, reason_text, value

FAR = BackedUp(offsite=Offsite(pattern="far/*.dump", within_h=6))


def copy(name: str, size: int = MB, hours: float = 0.0) -> OffsiteCopy:
    return OffsiteCopy(name, size, NOW - timedelta(hours=hours))


@pytest.mark.parametrize(
    ("backups", "copies", "status", "observed"),
    [
        ([backup(7)], [copy("shop-7.dump")], Status.PASS, MB),
        ([backup(7)], [copy("shop-7.dump", MB - 1)], Status.FAIL, MB - 1),
        ([backup(7)], [copy("shop-8.dump")], Status.FAIL, msg("missing")),
        ([backup(7)], [], Status.FAIL, msg("missing")),
        ([backup(6), backup(30)], [copy("shop-30.dump")], Status.PASS, MB),
        ([backup(6.01), backup(30)], [copy("shop-30.dump")], Status.FAIL, msg("missing")),
        ([backup(1), backup(30)], [copy("shop-1.dump", 1), copy("shop-30.dump")], Status.PASS, MB),
        ([backup(1), backup(30)], [copy("shop-1.dump")], Status.FAIL, msg("missing")),
        ([backup(1)], [copy("shop-1.dump")], Status.PASS, MB),
        ([backup(1), backup(2)], [copy("shop-2.dump")], Status.PASS, MB),
        ([backup(7)], [copy("shop-7.dump", 1), copy("shop-7.dump")], Status.PASS, MB),
        ([backup(7)], [copy("shop-7.dump", hours=7.08)], Status.PASS, MB),
        ([backup(7)], [copy("shop-7.dump", hours=7.1)], Status.FAIL, msg("missing")),
    ],
)
def test_a_backup_older_than_the_allowed_time_is_off_site(
    backups: list[Backup], copies: list[OffsiteCopy], status: Status, observed: object
) -> None:
    result = judge_offsite(ON, backups, copies, FAR, NOW)
    assert (result.status, value(result)) == (status, observed)


def test_a_missing_stale_or_short_copy_is_named() -> None:
    different = judge_offsite(ON, [backup(7)], [copy("shop-7.dump", 5)], FAR, NOW)
    assert reason_text(different) == "shop-7.dump has 5 B off-site, but 1000000 B here"
    stale = judge_offsite(ON, [backup(7)], [copy("shop-7.dump", hours=31)], FAR, NOW)
    assert reason_text(stale) == "The off-site copy of shop-7.dump is dated 2026-11-24T03:00Z, before the backup"


def test_an_offsite_location_that_was_not_seen_is_unknown() -> None:
    assert judge_offsite(ON, [backup(7)], None, TARGET, NOW).status is Status.SKIPPED
    assert judge_offsite(ON, [backup(7)], None, FAR, NOW).status is Status.UNKNOWN
    assert judge_offsite(ON, [backup(7)], BLIND, FAR, NOW).status is Status.UNKNOWN
    assert judge_offsite(ON, BLIND, [], FAR, NOW).status is Status.UNKNOWN
    assert judge_offsite(ON, [], [], FAR, NOW).status is Status.UNKNOWN
    early = judge_offsite(ON, [backup(1), backup(6)], [copy("shop-1.dump", 4)], FAR, NOW)
    assert early.status is Status.UNKNOWN and "No backup is older than the 6" in reason_text(early)
