"""What is refused before anything is sent."""

from pathlib import Path
from typing import Any

import pytest

from tasks.configuration import ConfigurationError
from tasks.errors import UsageError
from tasks.load.generator.ending import ended_by_itself
from tasks.load.generator.plan import script_digest
from tasks.load.generator.refusals import refuse
from tasks.load.settings import Profile
from tasks.settings import Settings
from tests.load_target import SHOP, load_service, profile

STAGING = "http://staging.example"


def refused(settings: Settings, of: Profile, *, production: bool = False) -> None:
    assert settings.load is not None
    refuse(settings, settings.load, of, production=production)


def test_staging_is_not_refused(tmp_path: Path) -> None:
    refused(load_service(tmp_path, STAGING, {"shop.py": SHOP}), profile((200, 3595.0), ramp_up_s=5))


@pytest.mark.parametrize(
    ("target", "environment"),
    [(STAGING, "production"), (STAGING, "Production"), ("http://shop.example", "staging")],
)
def test_production_needs_its_option(target: str, environment: str, tmp_path: Path) -> None:
    settings = load_service(tmp_path, target, {"shop.py": SHOP}, environment=environment)
    with pytest.raises(UsageError, match="production"):
        refused(settings, profile((1, 1.0)))
    refused(settings, profile((1, 1.0)), production=True)


def test_the_address_of_a_production_instance_is_production(tmp_path: Path) -> None:
    more = '[[instances]]\nname = "a"\nbase_url = "http://localhost:8080"\n'
    settings = load_service(tmp_path, "http://127.0.0.1:8080", {"shop.py": SHOP}, more)
    with pytest.raises(UsageError, match="instance a"):
        refused(settings, profile((1, 1.0)))


@pytest.mark.parametrize(
    ("of", "problem"),
    [
        (profile((201, 1.0)), "201 users are more than load.limits.max_users, 200"),
        (profile((1, 3600.0)), "3601 s are more than load.limits.max_duration_s, 3600"),
        (profile((200, 1.0), rate_per_user=5.01), "requests/s are more than load.limits.max_per_second, 1000"),
    ],
)
def test_what_is_beyond_the_limits(of: Profile, problem: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        refused(load_service(tmp_path, STAGING, {"shop.py": SHOP}), of)


def test_a_rate_at_the_limit_is_allowed(tmp_path: Path) -> None:
    refused(load_service(tmp_path, STAGING, {"shop.py": SHOP}), profile((200, 1.0), rate_per_user=5))


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    settings = load_service(tmp_path, STAGING, {"shop.py": SHOP, "a,b.py": SHOP, "rounds_x.py": SHOP, "x.txt": ""})
    (tmp_path / "shop.py").unlink()
    with pytest.raises(ConfigurationError) as error:
        refused(settings, profile((1, 1.0)))
    assert [
        part in str(error.value) for part in ("shop.py is not a file", "comma", "rounds_….py", ".txt does not")
    ] == [True] * 4


def test_the_digest_follows_content_and_profile(tmp_path: Path) -> None:
    settings = load_service(tmp_path, STAGING, {"shop.py": SHOP})
    assert settings.load is not None

    def digest(of: Profile) -> str:
        assert settings.load is not None
        return script_digest(settings, settings.load, of)

    first = digest(profile((1, 1.0)))
    assert digest(Profile(**{**profile((1, 1.0)).model_dump(), "name": "other"})) == first
    assert digest(profile((2, 1.0))) != first
    (tmp_path / "shop.py").write_text(SHOP + "\n")
    assert digest(profile((1, 1.0))) != first


@pytest.mark.parametrize(
    ("status", "log", "elapsed", "words"),
    [
        (1, "  File '{file}', line 3\nSyntaxError: invalid syntax\n", 0.0, "shop.py: SyntaxError: invalid syntax"),
        (1, "[2026-01-01 00:00:00,0] me/ERROR/locust.main: No User class found!\n", 0.0, "shop.py: No User class"),
        (1, "[2026-01-01 00:00:00,0] me/ERROR/locust.main: Gave up waiting for workers to connect\n", 0.0, "workers"),
        (0, "Name | # reqs\n----|---\n", 4.0, "ended by itself after 4 of 30 s (exit status 0)"),
        (-9, "", 4.0, "was ended by SIGKILL after 4 of 30 s"),
        (1, "Traceback\nkeys.MyError: token=hunter2secret\n", 4.0, "MyError"),
    ],
)
def test_how_a_generator_ended(status: int, log: str, elapsed: float, words: str, tmp_path: Path) -> None:
    file = tmp_path / "shop.py"
    said = ended_by_itself(status, log.replace("{file}", str(file)), [file], elapsed, 30.0, 2)
    text: Any = said.text.format(**said.params)
    assert words in text and str(tmp_path) not in text
