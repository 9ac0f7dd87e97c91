"""How long things are kept: values below what reports read back are refused."""

from pathlib import Path

import pytest

from tasks.configuration import ConfigurationError
from tasks.settings import load_settings

WINDOW = '[[slo.objective]]\nname = "up"\nkind = "uptime"\ntarget = 0.999\nwindow = "90d"\n[health]\nready = "/ready"'


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[history]\nkeep_minutes_days = 44", "history.keep_minutes_days: Input should be greater than or equal to 45"),
        ("[history]\nkeep_minutes_days = 70\nkeep_hours_days = 100", "history: keep_hours_days must be at least 101"),
        (
            "[history]\nkeep_resolved_days = 399",
            r"history: keep_resolved_days must be at least keep_hours_days \(400\)",
        ),
        ('[history]\ngive_up_months = ["2026-13"]', "history.give_up_months.0"),
        ('[history]\ngive_up_months = ["2026-10", "2026-10"]', "a month must not be listed twice: 2026-10"),
        ("[reports]\nkeep_days = 30", "reports.keep_days: Input should be greater than or equal to 45"),
        (WINDOW, "history.keep_minutes_days must be at least 104: the objective up has the window 90d"),
    ],
)
def test_a_value_that_starves_a_reader_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / "shop.toml"
    file.write_text(f'[service]\nname = "shop"\nbase_url = "http://shop.example"\n{text}\n', encoding="utf-8")
    with pytest.raises(ConfigurationError, match=problem):
        load_settings(file)


def test_a_long_window_with_its_minutes(tmp_path: Path) -> None:
    file = tmp_path / "shop.toml"
    text = f'[service]\nname = "shop"\nbase_url = "http://shop.example"\n[history]\nkeep_minutes_days = 104\n{WINDOW}\n'
    file.write_text(text, encoding="utf-8")
    assert load_settings(file).history.keep_hours_days == 400
