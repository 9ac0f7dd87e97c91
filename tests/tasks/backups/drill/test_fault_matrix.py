"""Every fault of the matrix in a real dump, with the manifest and the live database beside it: found, and named."""

from dataclasses import replace
from pathlib import Path

import pytest

from tasks.backups.facts import DrillVerdict
from tasks.check_result import CheckResult, Status
from tests.deep import rows
from tests.shop_backups import Drilled, Shop, contents_of, noted, recorded, text
from tests.shop_faults import CONTENTS, CUSTOM, FILES, FORMS, OF_EACH_CLASS, Fault, good

BAD = (Status.FAIL, Status.UNKNOWN)


def beside(shop: Shop, fault: Fault, backup: Path) -> Path:
    """The manifest of the shop: of the dump as it was, or of the faulty one where the fault came before it."""
    if fault.own_manifest:
        return backup
    contents = shop.contents if fault.rule == "whole" else contents_of(shop.live, shop.made_at, fault.rule)
    undamaged = (
        next(path for form in FORMS if (path := good(shop, form)).name == backup.name) if fault.changed else None
    )
    return recorded(backup, contents, shop.made_at, like=undamaged)


def named(found: CheckResult | None, fault: Fault, found_all: Drilled) -> None:
    assert found is not None, found_all.summary()
    assert found.check == f"backups.{fault.step}" and found.status is fault.status, found_all.summary()
    assert fault.word in text(found.reason), found_all.summary()


@pytest.mark.parametrize("form", rows({form: form for form in FORMS}, (CUSTOM,)))
def test_a_good_dump_of_every_form_passes_every_step(shop: Shop, form: str) -> None:
    found = shop.drilled(good(shop, form))
    statuses = found.statuses
    assert statuses.pop("smoke") is Status.SKIPPED and set(statuses) > {"restore", "content"}
    assert set(statuses.values()) == {Status.PASS}, found.summary()
    assert found.verdict is DrillVerdict.PASSED


@pytest.mark.parametrize("fault", rows({fault.name: fault for fault in FILES + CONTENTS}, OF_EACH_CLASS))
def test_a_fault_is_found_with_manifest_and_live(shop: Shop, tmp_path: Path, fault: Fault) -> None:
    found = shop.drilled(beside(shop, fault, fault.make(shop, tmp_path)))
    first = found.first(*BAD)
    noted(fault.name, "manifest, live", first)
    if fault.changed:
        named(first, replace(fault, step="manifest", word=fault.changed), found)
        if not fault.hidden:
            named(found.result(fault.step), fault, found)
    else:
        named(first, fault, found)
    assert found.verdict is (DrillVerdict.FAILED if fault.status is Status.FAIL else DrillVerdict.ERROR)
