"""What is recommended to people: no secret on a command line, where every account of a machine reads it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RECOMMENDED = [
    re.compile(rule)
    for rule in (
        r"""(?:-H|--header)[ =]["']?(?:Authorization|[\w-]*(?:Token|Key)\b)""",
        r"--(?:token|password|passwd|secret|api-key)[ =](?!\W*$)[\w$\"'<{]",
        r"curl\b[^`\n]*\s(?:-u|--user)[ =]",
        r"""\b(?:psql|pg_dump|pg_restore|pg_basebackup)(?:\s+-\w+)*\s+["']?\$|redis-cli -u\s""",
        r"(?:psql|pg_dump|rounds|curl|--database)\b[^`\n]*\w+://[^\s:/@`]+:[^\s@`]+@",
        r"redis-cli\b[^`\n]*\s-a\s",
        r"mysql(?:dump)?\b[^`\n]*\s-p\S",
        r"openssl\b[^`\n]*\s-pass(?:in|out)? pass:",
        r"docker\b[^`\n]*\s(?:-e|--env)[ =]\w*(?:PASS|TOKEN|SECRET|KEY)\w*=",
        r"prefect config set\b[^`\n]*AUTH",
    )
]
ALLOWED = ("curl -H @",)


def texts() -> Iterator[Path]:
    """What people read: documents, the commands' helps and errors, service files."""
    yield from (ROOT / name for name in ("README.md", "README.ja.md", "CONTRIBUTING.md", "Makefile", ".ci/run"))
    yield from (path for path in (ROOT / "docs").rglob("*") if path.suffix in (".md", ".po"))
    for folder in ("deployments", "flows", "reports", "tasks"):
        yield from (path for path in (ROOT / folder).rglob("*") if path.suffix in (".py", ".toml", ".po", ".md"))


def recommended(text: str) -> list[str]:
    found = (match.group() for rule in RECOMMENDED for match in rule.finditer(text))
    return [one for one in found if not one.startswith(ALLOWED)]


def test_no_text_recommends_it() -> None:
    found = {str(path.relative_to(ROOT)): wrong for path in texts() if (wrong := recommended(path.read_text("utf-8")))}
    assert found == {}


@pytest.mark.parametrize(
    "text",
    [
        """sh -c 'curl -H "Authorization: Bearer $TOKEN" …'""",
        "curl -sS --header X-Api-Key:abc URL",
        "curl -u ops:$PASSWORD URL",
        'psql "$DATABASE_URL" -c "select 1"',
        "pg_dump -Fc $LIVE > shop.dump",
        "rounds init URL --database postgresql://ops:secret@db/shop",
        "rounds up --token abc",
        "redis-cli -h HOST -a $PASSWORD ping",
        "openssl enc -d -pass pass:abc",
        "docker run -e SHOP_PASSWORD=abc shop",
        "prefect config set PREFECT_API_AUTH_STRING=ops:secret",
    ],
)
def test_each_way_would_be_found(text: str) -> None:
    assert recommended(text)
