"""Every example of a service file in the documents is accepted as it stands."""

import re
import textwrap
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.configuration import ConfigurationError
from tasks.security.findings.waiver_file import parse_waivers
from tasks.settings import load_settings

ROOT = Path(__file__).parent.parent
_BLOCK = re.compile(r"^(?P<indent> *)```toml\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)

# A page shows a piece of a service file. Whatever top-level section the piece does not have itself, it gets from here,
# so that what it refers to is there: a module, a route, a probe, a log, a database, a Prometheus, a business KPI.
SECTIONS = {
    "service": """[service]
name = "shop"
base_url = "https://shop.example.com"
modules = ["items", "orders"]""",
    "health": """[health]
live = "/livez"
ready = "/readyz"
report = "/health\"""",
    "logs": """[[logs.source]]
name = "app"
kind = "file"
paths = ["/var/log/shop/app.log*"]""",
    "routes": """[[routes]]
pattern = "/api/items/:id"
module = "items\"""",
    "metrics": """[metrics]
prometheus_url = "http://prometheus.internal.example.com:9090\"""",
    "database": """[database]
url = { env = "SHOP_DATABASE_URL" }""",
    "kpi": """[[kpi]]
name = "orders-per-hour"
sql = "SELECT 10"
floor = 10""",
    "backups": "[backups]",
}


def _examples() -> Iterator[tuple[str, str]]:
    """Where each TOML block begins, and its text."""
    for page in sorted((*ROOT.glob("README*.md"), *ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"))):
        text = page.read_text(encoding="utf-8")
        for block in _BLOCK.finditer(text):
            line = text.count("\n", 0, block.start()) + 1
            yield f"{page.relative_to(ROOT)}:{line}", textwrap.dedent(block["text"])


EXAMPLES = dict(_examples())


@pytest.mark.parametrize("where", EXAMPLES)
def test_an_example_is_accepted(where: str, tmp_path: Path) -> None:
    example = EXAMPLES[where]
    if tomllib.loads(example).keys() == {"waiver"}:  # the other file that people write
        parse_waivers(example, tmp_path)
        return
    missing = SECTIONS.keys() - tomllib.loads(example).keys()
    file = tmp_path / "service.toml"
    file.write_text("\n\n".join((example, *(SECTIONS[name] for name in sorted(missing)))), encoding="utf-8")
    load_settings(file)


def test_a_wrong_key_in_an_example_would_be_found(tmp_path: Path) -> None:
    file = tmp_path / "service.toml"
    wrong = SECTIONS["logs"].replace("paths", "path")
    file.write_text("\n\n".join(SECTIONS.values()).replace(SECTIONS["logs"], wrong), encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"logs\.source"):
        load_settings(file)


def test_the_pages_have_examples() -> None:
    assert any(where.startswith("docs/") for where in EXAMPLES)
