"""What child processes are given of the environment: what they need, and the secrets of their service files alone."""

from pathlib import Path

import pytest

from deployments.child_environment import PASS_VARIABLE, program_environment, rounds_environment
from tasks.settings import load_settings

SERVICE = """
[service]
name = "shop"
base_url = "https://shop.example"
[health.headers]
X-Token = { env = "SHOP_TOKEN" }
X-Unset = { env = "SHOP_UNSET" }
[history]
url = { env = "SHOP_HISTORY" }
[backups]
[[databases]]
name = "shop"
pattern = "shop-*.dump.age"
decrypt = ["age", "-d"]
decrypt_access = { environment = ["SHOP_AGE_KEY"] }
smoke = ["./smoke"]
smoke_access = { environment = ["SHOP_MODE"] }
"""
SECRETS = {
    "SHOP_TOKEN": "tok-1",
    "SHOP_HISTORY": "postgresql://ops:pw@db/history",
    "SHOP_AGE_KEY": "age-1",
    "SHOP_MODE": "test",
    "OTHER_TOKEN": "tok-2",
    "AWS_SECRET_ACCESS_KEY": "aws-1",
    "PGPASSWORD": "pg-1",
    "PREFECT_API_KEY": "prefect-1",
    "PREFECT_API_AUTH_STRING": "ops:other",
    "PREFECT_SERVER_API_AUTH_STRING": "ops:sesame",
    "PREFECT_SERVER_DATABASE_CONNECTION_URL": "postgresql://ops:pw@db/prefect",
    "GITHUB_TOKEN": "gh-1",
}
NEEDED = {"PATH": "/bin", "HOME": "/root", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "TZ": "Asia/Tokyo", "TMPDIR": "/t"}
OF_ROUNDS = {"HTTPS_PROXY": "http://proxy:3128", "SSL_CERT_FILE": "/ca.pem", "PGSSLROOTCERT": "/pg.pem", "PGPORT": "1"}


@pytest.fixture(autouse=True)
def only_these(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.environ", SECRETS | NEEDED | OF_ROUNDS)


def test_a_server_gets_no_secret() -> None:
    assert program_environment() == NEEDED


def test_rounds_get_what_their_service_files_name(tmp_path: Path) -> None:
    (tmp_path / "shop.toml").write_text(SERVICE)
    named = {name: SECRETS[name] for name in ("SHOP_TOKEN", "SHOP_HISTORY", "SHOP_AGE_KEY", "SHOP_MODE")}
    assert rounds_environment([load_settings(tmp_path / "shop.toml")]) == NEEDED | OF_ROUNDS | named


@pytest.mark.parametrize("given", ["AWS_* OTHER_TOKEN", "AWS_*,OTHER_TOKEN"])
def test_and_what_is_asked_for(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv(PASS_VARIABLE, given)
    asked = {name: SECRETS[name] for name in ("AWS_SECRET_ACCESS_KEY", "OTHER_TOKEN")}
    assert rounds_environment([]) == NEEDED | OF_ROUNDS | asked | {PASS_VARIABLE: given}
