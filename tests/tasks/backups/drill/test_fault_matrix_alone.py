"""Every fault of the matrix in a real dump that has no manifest: found, or listed as what only a manifest can show."""

from pathlib import Path

import pytest

from tasks.backups.facts import DrillVerdict
from tasks.backups.files.manifest import manifest_path
from tasks.check_result import Status
from tests.deep import rows
from tests.shop_backups import Shop, noted, text
from tests.shop_faults import CONTENTS, CUSTOM, FILES, SQL, Fault, changed, from_source

RECORDED = ("manifest", "content")
"""What only a manifest can show."""

BY_LIVE = (
    "SQL of another database",
    "schema only",
    "a table left out",
    "a table's data left out",
    "rows hidden by row-level security",
    "sequence behind its column",
    "lost constraint",
    "lost index",
    "role missing on the target",
    "SQL_ASCII with an invalid byte",
)
FOUND = [
    fault
    for fault in (*FILES, *CONTENTS)
    if fault.hidden or fault.alone or fault.status is not Status.FAIL or fault.name in BY_LIVE
]
"""What rests on the live database here; other damage is found by the same step with a manifest, in the other file."""

VERDICTS = {
    Status.FAIL: DrillVerdict.FAILED,
    Status.UNKNOWN: DrillVerdict.ERROR,
    Status.WARN: DrillVerdict.PASSED,
}

OF_EACH_CLASS = ("appended garbage", "rows hidden by row-level security")

GHOST = next(fault for fault in CONTENTS if "ghost" in fault.word)


@pytest.mark.parametrize("fault", rows({fault.name: fault for fault in FOUND}, OF_EACH_CLASS))
def test_a_fault_is_found_with_live_alone(shop: Shop, tmp_path: Path, fault: Fault) -> None:
    backup = fault.make(shop, tmp_path)
    manifest_path(backup).unlink(missing_ok=True)
    found = shop.drilled(backup)
    step, word = fault.alone or (fault.step, fault.word)
    status = Status.WARN if fault.only_warned else fault.status
    first = found.first(Status.FAIL) or found.result(step)
    noted(fault.name, "live", found.result("manifest") if fault.hidden else first)
    assert found.result("manifest").status is Status.UNKNOWN, found.summary()
    if fault.hidden:
        assert {found.statuses[name] for name in RECORDED} == {Status.UNKNOWN}, found.summary()
        assert "There is no manifest" in text(found.result("manifest").reason)
        return
    assert (first.check, first.status) == (f"backups.{step}", status), found.summary()
    assert word in text(first.reason), found.summary()
    assert found.verdict is VERDICTS[status]


@pytest.mark.parametrize("form", [CUSTOM, SQL])
@pytest.mark.deep
def test_a_good_dump_without_manifest_is_never_all_green(shop: Shop, tmp_path: Path, form: str) -> None:
    found = shop.drilled(changed(form, lambda _: None)(shop, tmp_path))
    unverified = {name for name, status in found.statuses.items() if status is Status.UNKNOWN}
    assert unverified == set(RECORDED) and found.verdict is DrillVerdict.PASSED, found.summary()


def test_a_good_dump_with_nothing_to_compare_with_has_no_verdict(shop: Shop, tmp_path: Path) -> None:
    backup = from_source("DROP POLICY half ON audit")(shop, tmp_path)
    found = shop.drilled(backup, live=False)
    assert {found.statuses[name] for name in ("schema", "counts", *RECORDED)} == {Status.UNKNOWN}, found.summary()
    assert "set live, or take backups with a manifest" in text(found.result("counts").reason)
    assert found.statuses["restore"] is Status.PASS and found.verdict is DrillVerdict.ERROR


@pytest.mark.deep
def test_an_unknown_role_is_no_fault_of_the_backup(shop: Shop, tmp_path: Path) -> None:
    found = shop.drilled(GHOST.make(shop, tmp_path), live=False)
    assert found.result("restore").status is Status.UNKNOWN and found.verdict is DrillVerdict.ERROR, found.summary()
    assert "role ghost: set live, or keep a manifest" in text(found.result("restore").reason)
