"""What is given to commands that record something."""

import os

import pytest

from deployments.cli import errors, findings, record
from deployments.cli.given import login


def test_a_containers_user_without_a_name_is_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 77_777)
    assert login() == "uid 77777"


@pytest.mark.parametrize("option", [errors.ByOption, record.ByOption])
def test_whoever_records_something_is_named_in_this_way(option: object) -> None:
    assert option.__metadata__[0].default_factory is login  # type: ignore[attr-defined]


def test_whoever_waives_a_finding_is_too() -> None:
    hint = findings.waive_finding.__annotations__["owner"]
    assert hint.__metadata__[0].default_factory is login
