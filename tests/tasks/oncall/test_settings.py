"""[oncall]: the team and the rota as a service file has them."""

from pathlib import Path

import pytest

from tasks.configuration import ConfigurationError
from tasks.settings import load_settings

TEAM = """
[[oncall.person]]
name = "kim"
mail = "kim@example.com"
[[oncall.person]]
name = "lee"
url = { env = "LEE_PAGER" }
"""


def problems(folder: Path, text: str) -> list[str]:
    """What is wrong with a service file that has these lines."""
    file = folder / "shop.toml"
    file.write_text(f'[service]\nname = "shop"\nbase_url = "http://127.0.0.1:9"\n{text}')
    with pytest.raises(ConfigurationError) as error:
        load_settings(file)
    return list(error.value.problems)


@pytest.mark.parametrize(
    ("shifts", "expected"),
    [
        (
            '[[oncall.shift]]\npeople = ["kim"]\nstarts = "09:00"\nends = "18:00"\ndays = ["mon"]',
            ["oncall: nobody is on call from mon 18:00 to mon 09:00: add a shift, or lengthen one"],
        ),
        (
            '[[oncall.shift]]\npeople = ["kim"]\n[[oncall.shift]]\npeople = ["lee"]\ndays = ["sat"]\nstarts = "10:00"\n'
            'ends = "11:00"',
            ["oncall: shifts 1 and 2 overlap from sat 10:00 to sat 11:00: shorten or remove one of them"],
        ),
        (
            '[[oncall.shift]]\npeople = ["ann", "lee"]\nstarts = "09:00"\nends = "18:00"\ndays = ["mon", "tue"]',
            [
                "oncall: shift 1: no person 'ann'; known: kim, lee",
                "oncall: nobody is on call from mon 18:00 to tue 09:00: add a shift, or lengthen one",
                "oncall: nobody is on call from tue 18:00 to mon 09:00: add a shift, or lengthen one",
            ],
        ),
        ('[[oncall.shift]]\npeople = ["max"]', ["oncall: shift 1: no person 'max'; known: kim, lee"]),
        (
            '[[oncall.shift]]\npeople = ["kim"]\ndays = ["mon", "mon"]',
            ["oncall.shift.0.days: a day must not be listed twice: mon"],
        ),
    ],
)
def test_a_rota_that_does_not_take_each_minute_once_is_refused(
    tmp_path: Path, shifts: str, expected: list[str]
) -> None:
    assert problems(tmp_path, TEAM + shifts) == expected
