"""Where secrets come from, and that none leaves."""

import asyncio
import json
import uuid
from pathlib import Path

import pytest
from prefect import flow
from prefect.blocks.system import Secret
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from tasks.canonical import canonical
from tasks.configuration import ConfigurationError, SecretRef
from tasks.delivery.settings import Mail
from tasks.health.settings import Health
from tasks.history.settings import History
from tasks.processes import free_port
from tasks.secrets import check_secrets, masked, resolve, secret_keys
from tasks.settings import Service, Settings

ENV = SecretRef(env="ROUNDS_TEST_SECRET")


def settings_at(folder: Path, **sections: object) -> Settings:
    service = Service(name="kondate", base_url="http://127.0.0.1:1")
    settings = Settings(service=service, **sections)  # type: ignore[arg-type]
    settings._path = folder / "service.toml"
    return settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_at(tmp_path)


def resolved(value: str, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("ROUNDS_TEST_SECRET", value)
    return resolve(ENV, settings, "mail.password")


def test_a_plain_text_is_no_secret(settings: Settings) -> None:
    assert resolve("sqlite:///opsrounds.db", settings, "history.url") == "sqlite:///opsrounds.db"
    assert masked("see sqlite:///opsrounds.db") == "see sqlite:///opsrounds.db"


def test_a_secret_of_the_environment(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolved("correct horse", settings, monkeypatch) == "correct horse"


def test_a_secret_file_stands_relative_to_the_service_file(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("電池ホチキス\n", encoding="utf-8")
    assert resolve(SecretRef(file=Path("password")), settings, "mail.password") == "電池ホチキス"
    absolute = SecretRef(file=tmp_path / "password")
    assert resolve(absolute, settings_at(Path("/elsewhere")), "mail.password") == "電池ホチキス"


def test_a_missing_variable_is_named(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ROUNDS_TEST_SECRET", raising=False)
    with pytest.raises(ConfigurationError) as refused:
        resolve(ENV, settings, "mail.password")
    assert refused.value.problems == ("mail.password: the environment variable ROUNDS_TEST_SECRET is not set",)


def test_a_missing_file_is_named(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as refused:
        resolve(SecretRef(file=Path("gone")), settings, "mail.password")
    [problem] = refused.value.problems
    assert problem == f"mail.password: the secret file {tmp_path / 'gone'} cannot be read: No such file or directory"


@pytest.mark.parametrize(("content", "why"), [(b"\xff\xfe", "not UTF-8 text"), (None, "Is a directory")])
def test_a_file_that_cannot_be_read_is_named(
    settings: Settings, tmp_path: Path, content: bytes | None, why: str
) -> None:
    file = tmp_path / "password"
    if content is None:
        file.mkdir()
    else:
        file.write_bytes(content)
    with pytest.raises(ConfigurationError, match=f"password cannot be read: {why}"):
        resolve(SecretRef(file=file), settings, "mail.password")


class TestBlock:
    """A secret that Prefect keeps."""

    @pytest.fixture
    def block(self, prefect: object) -> SecretRef:
        name = f"shop-password-{uuid.uuid4().hex[:8]}"
        Secret(value="kept-by-prefect-81c2").save(name, _sync=True)  # type: ignore[call-arg]
        return SecretRef(block=name)

    def test_it_is_read_by_a_command(self, settings: Settings, block: SecretRef) -> None:
        assert resolve(block, settings, "mail.password") == "kept-by-prefect-81c2"
        assert masked("550 kept-by-prefect-81c2?") == "550 ••••••?"

    def test_it_is_read_inside_a_flow_and_in_a_thread_of_it(self, settings: Settings, block: SecretRef) -> None:
        @flow(retries=0)
        async def reads() -> tuple[str, str]:
            """As a round does."""
            return (
                resolve(block, settings, "mail.password"),
                await asyncio.to_thread(resolve, block, settings, "mail.password"),
            )

        assert asyncio.run(reads()) == ("kept-by-prefect-81c2",) * 2

    def test_one_that_is_not_there_is_named(self, settings: Settings, prefect: object) -> None:
        with pytest.raises(
            ConfigurationError, match=r"mail\.password: no Prefect block secret/no-such-block exists on"
        ):
            resolve(SecretRef(block="no-such-block"), settings, "mail.password")

    def test_without_a_server_no_server_is_started(self, settings: Settings) -> None:
        with (
            temporary_settings({PREFECT_API_URL: None}),
            pytest.raises(ConfigurationError, match="set PREFECT_API_URL"),
        ):
            resolve(SecretRef(block="anything"), settings, "mail.password")

    def test_a_server_that_is_away_is_named(self, settings: Settings) -> None:
        away = {PREFECT_API_URL: f"http://127.0.0.1:{free_port()}/api", PREFECT_CLIENT_MAX_RETRIES: 0}
        with temporary_settings(away), pytest.raises(ConfigurationError, match="cannot be read from http"):
            resolve(SecretRef(block="anything"), settings, "mail.password")


def test_the_password_of_an_address_is_masked_by_itself(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    resolved("postgresql://ops:S3cret%2FPart99@db/history", settings, monkeypatch)
    assert masked('FATAL: no user "ops" with S3cret/Part99 or S3cret%2FPart99') == (
        'FATAL: no user "ops" with •••••• or ••••••'
    )


def test_an_empty_secret_is_refused(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "password").write_text("\n \n")
    with pytest.raises(ConfigurationError, match=r"mail\.password: the secret is empty"):
        resolve(SecretRef(file=Path("password")), settings, "mail.password")
    with pytest.raises(ConfigurationError, match=r"mail\.password: the secret is empty"):
        resolved("", settings, monkeypatch)


def test_a_secret_is_taken_out_of_nested_data(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    resolved("tr0ub4dor", settings, monkeypatch)
    data = {
        "text": "Authorization: Bearer tr0ub4dor, again tr0ub4dor",
        "rows": [["a", 1.5, None, True], [{"deep": ["x tr0ub4dor"]}]],
        "number": 3,
    }
    assert masked(data) == {
        "text": "Authorization: Bearer ••••••, again ••••••",
        "rows": [["a", 1.5, None, True], [{"deep": ["x ••••••"]}]],
        "number": 3,
    }


@pytest.mark.parametrize("secret", ['quote"inside', "back\\slash", "line\nbreak", "tab\tstop", "制御\x07文字", "é/ü/ñ"])
def test_a_secret_that_json_escapes_is_taken_out_too(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    resolved(secret, settings, monkeypatch)
    text = canonical(masked({"evidence": [{"text": f"before {secret} after"}]}))
    assert secret not in text
    assert json.dumps(secret, ensure_ascii=False)[1:-1] not in text
    assert json.loads(text) == {"evidence": [{"text": "before •••••• after"}]}


def test_a_secret_within_another_leaves_nothing_of_it(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    for secret in ("kagi-7", "kagi-7-to-the-vault", "x-kagi-7-to"):
        resolved(secret, settings, monkeypatch)
    assert masked("kagi-7-to-the-vault kagi-7 x-kagi-7-to") == "•••••• •••••• ••••••"


def test_a_secret_equal_to_a_status_word_breaks_no_data(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    resolved("verdictum", settings, monkeypatch)
    assert masked({"verdictum": "verdictum"}) == {"verdictum": "••••••"}


def test_every_secret_of_a_service_file_is_listed_with_its_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ROUNDS_TEST_SECRET", raising=False)
    file = SecretRef(file=Path("gone"))
    settings = settings_at(
        tmp_path,
        health=Health(headers={"Authorization": ENV, "Accept": "application/json"}),
        mail=Mail(username="ops", password=file),
        history=History(url=ENV),
    )
    assert secret_keys(settings) == [
        ("health.headers.Authorization", ENV),
        ("mail.password", file),
        ("history.url", ENV),
    ]
    assert [problem.split(":")[0] for problem in check_secrets(settings)] == [
        "health.headers.Authorization",
        "mail.password",
        "history.url",
    ]
    assert secret_keys(settings_at(tmp_path)) == []
