"""Service files: what is read, and every refusal with its file, its key and what is allowed."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from flows.daily_checklist import CHECKLIST
from flows.weekly_checklist import CHECKLIST as WEEKLY
from tasks.check_result import Message, msg, verbatim
from tasks.configuration import ConfigurationError, SecretRef
from tasks.guide.lines import GuideLine
from tasks.settings import (
    SERVICES_VARIABLE,
    Instance,
    Settings,
    find_service,
    find_services,
    load_settings,
)

SERVICE = '[service]\nname = "kondate"\nbase_url = "http://127.0.0.1:8000"\n'
PASSWORD = "hunter2"

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(text: str | bytes, name: str = "kondate.toml") -> Path:
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return written


@pytest.fixture
def read(write: Write) -> Callable[[str], Settings]:
    return lambda text: load_settings(write(SERVICE + text))


@pytest.fixture
def refused(write: Write) -> Callable[..., str]:
    """The one problem of a service file that has one."""

    def problem(text: str | bytes, *, service: str = SERVICE) -> str:
        path = write(text if isinstance(text, bytes) else service + text)
        with pytest.raises(ConfigurationError) as error:
            load_settings(path)
        [found] = error.value.problems
        assert str(error.value) == f"{path}: {found}"
        assert PASSWORD not in str(error.value)
        return found

    return problem


TOP = ", ".join(Settings.model_fields)


def keys_of(section: str) -> str:
    """The keys of a table of a service file, as its model has them."""
    model: type[BaseModel] = Settings
    for name in section.split("."):
        kind = model.model_fields[name].annotation
        model = next(k for k in (kind, *get_args(kind)) if isinstance(k, type) and issubclass(k, BaseModel))
    return ", ".join(model.model_fields)


SECTIONS = ("service", "health", "health.limits", "mail", "history", "reports", "guide", "backups", "slo")
SECRET = 'a secret is { env = "NAME" }, { file = "/path" } or { block = "prefect-secret-name" }'
HTTP = "must be http://HOST[:PORT][/PATH] or https://HOST[:PORT][/PATH], without query or fragment"
NO_PASSWORD = "must hold no user or password; put credentials into [health.headers] as a secret"
HISTORY = "must be sqlite:///FILE or postgresql://USER@HOST/DATABASE"
NAME = "service.name: must be 1 to 40 of a-z, 0-9 and -, beginning with a letter or a digit"
SECRET_URL = 'an address with a password is a secret: use { env = "NAME" } or { file = "/path" }'
ADDRESS = "must be one plain address such as ops@example.com"
LOGIN = "username and password go together: set both, or neither for a server without a login"


class TestRefusals:
    """Each mistake is reported once, by the key that the file has, with what is allowed."""

    @pytest.mark.parametrize("section", SECTIONS)
    def test_an_unknown_key(self, refused: Callable[..., str], section: str) -> None:
        text = "basé_url = 1\n" if section == "service" else f"[{section}]\nbasé_url = 1\n"
        text = text.replace("basé_url", '"basé_url"')
        assert refused(text) == f"{section}.basé_url: unknown key; known are {keys_of(section)}"

    @pytest.mark.parametrize(
        ("text", "key", "known"),
        [
            ("[helth]\n", "helth", TOP),
            ('[[instances]]\nname = "a"\nbase_url = "http://a"\nport = 1\n', "instances.0.port", "name, base_url"),
            ('[mail]\nto = [{ address = "a@b", lang = "ja" }]\n', "mail.to.0.lang", "address, locale"),
            ('[health.headers]\nX-Key = { envv = "A" }\n', "health.headers.X-Key.envv", "env, file, block"),
            (
                '[guide.daily]\nhealth = { why = "x", not_applicable = "none" }\n',
                "guide.daily.health.why",
                "not_applicable",
            ),
        ],
    )
    def test_an_unknown_key_further_in(self, refused: Callable[..., str], text: str, key: str, known: str) -> None:
        assert refused(text) == f"{key}: unknown key; known are {known}"

    @pytest.mark.parametrize(
        ("service", "problem"),
        [
            ("", "service: is required"),
            ('[service]\nname = "a"\n', "service.base_url: is required"),
            ("service = 1\n", f"service: must be a table with the keys {keys_of('service')}"),
            (SERVICE.replace("kondate", "Kondate"), NAME),
            (SERVICE.replace("kondate", "a" * 41), NAME),
        ],
    )
    def test_a_service_without_its_keys(self, refused: Callable[..., str], service: str, problem: str) -> None:
        assert refused("", service=service) == problem

    @pytest.mark.parametrize("zone", ["Tokyo", "JST", "asia/tokyo", "", "../etc/passwd"])
    def test_a_zone_that_is_none(self, refused: Callable[..., str], zone: str) -> None:
        found = refused(f'timezone = "{zone}"\n')
        assert found == f"service.timezone: {zone!r} is not an IANA time zone; use one such as Asia/Tokyo or UTC"

    @pytest.mark.parametrize(
        ("url", "problem"),
        [
            ("http://ops:hunter2@shop", NO_PASSWORD),
            ("http://hunter2@shop", NO_PASSWORD),
            ("http://:@shop", NO_PASSWORD),
            ("ftp://shop", HTTP),
            ("shop:8000", HTTP),
            ("http://", HTTP),
            ("http:///health", HTTP),
            ("", HTTP),
            ("http://shop?key=hunter2", HTTP),
            ("http://shop#hunter2", HTTP),
            ("http://sh op", HTTP),
            ("http://shop\\\\x", HTTP),
            ("http://shop:0", HTTP),
            ("http://shop:65536", f"is no address: {HTTP}"),
            ("http://shop:hunter2", f"is no address: {HTTP}"),
            ("http://[::1", f"is no address: {HTTP}"),
            ("http://a..b", f"is no address: {HTTP}"),
            # urllib's own text would repeat the password
            ("http://ops:hunter2@sh\u2100p", f"is no address: {HTTP}"),
        ],
    )
    def test_an_address_that_cannot_be_requested(self, refused: Callable[..., str], url: str, problem: str) -> None:
        assert refused("", service=SERVICE.replace("http://127.0.0.1:8000", url)) == f"service.base_url: {problem}"
        assert refused(f'[[instances]]\nname = "a"\nbase_url = "{url}"\n') == f"instances.0.base_url: {problem}"
        assert refused(f'[reports]\nbase_url = "{url}"\n') == f"reports.base_url: {problem}"

    @pytest.mark.parametrize(
        ("url", "problem"),
        [
            ("postgresql://ops:hunter2@db/ops", SECRET_URL),
            ("postgresql://db/ops?user=ops&password=hunter2", SECRET_URL),
            ("postgresql://ops:p@ss:hunter2@db/ops", HISTORY),  # hunter2@db reads as a port
            ("postgresql://ops:p@hunter2@db/ops", "holds an @ in its password: write it as %40"),
            ("mysql://ops@db/ops", HISTORY),
            ("hunter2", HISTORY),
            ("", HISTORY),
        ],
    )
    def test_a_history_that_cannot_be_kept_or_holds_a_password(
        self, refused: Callable[..., str], url: str, problem: str
    ) -> None:
        assert refused(f'[history]\nurl = "{url}"\n') == f"history.url: {problem}"

    def test_a_password_in_the_smtp_address(self, refused: Callable[..., str]) -> None:
        found = refused('[mail]\nsmtp = "smtp://ops:hunter2@mail"\n')
        assert found == "mail.smtp: no credentials in the SMTP address: put them into [mail] username and password"

    @pytest.mark.parametrize("url", ["mail.example.com", "http://mail", "smtp://", "smtp://mail:70000"])
    def test_an_smtp_address_that_is_none(self, refused: Callable[..., str], url: str) -> None:
        assert refused(f'[mail]\nsmtp = "{url}"\n').endswith("smtp+starttls://host[:587] or smtps://host[:465]")

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ('username = "ops"', LOGIN),
            ('password = { env = "A" }', LOGIN),
            ('username = { env = "A" }', LOGIN),
        ],
    )
    def test_half_a_login(self, refused: Callable[..., str], text: str, problem: str) -> None:
        assert refused(f"[mail]\n{text}\n") == f"mail: {problem}"

    def test_a_password_in_the_file(self, refused: Callable[..., str]) -> None:
        found = refused('[mail]\nusername = "ops"\npassword = "hunter2"\n')
        assert found == f"mail.password: a secret never stands in the file itself: {SECRET}"

    @pytest.mark.parametrize("places", ['env = "A", file = "/run/x"', 'file = "/x", block = "b"', ""])
    def test_a_secret_has_one_place(self, refused: Callable[..., str], places: str) -> None:
        assert refused(f"[health.headers]\nX-Key = {{ {places} }}\n") == f"health.headers.X-Key: {SECRET}"
        assert refused(f"[history]\nurl = {{ {places} }}\n") == f"history.url: {SECRET}"

    @pytest.mark.parametrize(
        "address",
        ["ops", "ops@", "@b", "a b@c", "a@b, c@d", "<a@b>", "Ops <a@b>", "a@b\\n", "a@b\\u0000", "a@b@c", "(a)@b"],
    )
    def test_an_address_that_is_none(self, refused: Callable[..., str], address: str) -> None:
        assert refused(f'[mail]\nto = [{{ address = "{address}" }}]\n') == f"mail.to.0.address: {ADDRESS}"
        assert refused(f'[mail]\nsender = "{address}"\n') == f"mail.sender: {ADDRESS}"

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ('[[instances]]\nname = "a"\nbase_url = "http://a"\n' * 2, "instances: a name must not be listed twice: a"),
            (
                '[[instances]]\nname = "a"\nbase_url = "http://a"\n[[instances]]\nname = "b"\nbase_url = "http://a/"\n',
                "instances: a base_url must not be listed twice: http://a",
            ),
            ('[health]\nrequests = ["/a", "/b", "/a"]\n', "health.requests: a path must not be listed twice: /a"),
            (
                '[mail]\nto = [{ address = "a@b" }, { address = "a@b", locale = "en" }]\n',
                "mail.to: an address must not be listed twice: a@b",
            ),
            ('[reports]\nlocales = ["ja", "en", "ja"]\n', "reports.locales: a language must not be listed twice: ja"),
            ("[reports]\nlocales = []\n", "reports.locales: must hold at least one value"),
            (
                '[guide.daily]\nhealth = ["health.*"]\n"ヘルスチェックの確認" = { not_applicable = "none" }\n',
                "guide.daily: these are the same item of the guide, keep one of them: health, ヘルスチェックの確認",
            ),
        ],
    )
    def test_what_is_listed_twice_or_not_at_all(self, refused: Callable[..., str], text: str, problem: str) -> None:
        assert refused(text) == problem

    @pytest.mark.parametrize("key", ["live", "ready", "report", "requests"])
    @pytest.mark.parametrize("path", ["health", "", "//other-host/health", "/a b", "/a#b", "/a\\n", "http://x/a"])
    def test_a_path_that_would_request_another_address(self, refused: Callable[..., str], key: str, path: str) -> None:
        value = f'["{path}"]' if key == "requests" else f'"{path}"'
        assert refused(f"[health]\n{key} = {value}\n").startswith(f"health.{key}")

    @pytest.mark.parametrize(
        ("text", "key"),
        [
            ("timeout_s = 0", "timeout_s"),
            ("timeout_s = 60.1", "timeout_s"),
            ("timeout_s = nan", "timeout_s"),
            ("samples = 0", "samples"),
            ("samples = 1001", "samples"),
            ("limits.max_latency_ms = 0", "limits.max_latency_ms"),
            ("limits.max_latency_ms = inf", "limits.max_latency_ms"),
            ("limits.max_component_ms = inf", "limits.max_component_ms"),
            ("limits.max_report_age_s = inf", "limits.max_report_age_s"),
            ("limits.max_report_age_s = nan", "limits.max_report_age_s"),
            ("limits.min_share_within_latency = 0", "limits.min_share_within_latency"),
            ("limits.min_share_within_latency = 1.01", "limits.min_share_within_latency"),
            ("limits.max_failed_share = 1", "limits.max_failed_share"),
            ("limits.min_latency_samples = 0", "limits.min_latency_samples"),
            ('headers."X Key" = "1"', "headers.X Key"),
            ('headers."X-Key:" = "1"', "headers.X-Key:"),
        ],
    )
    def test_a_figure_or_name_out_of_bounds(self, refused: Callable[..., str], text: str, key: str) -> None:
        """Without an end, a limit holds nothing, and everything would pass."""
        assert refused(f"[health]\n{text}\n").startswith(f"health.{key}: ")

    def test_components_without_a_health_report(self, refused: Callable[..., str]) -> None:
        found = refused('[health]\nlive = "/live"\ncomponents = ["db"]\n')
        assert found == "health: components are read from the health report: set report too"

    @pytest.mark.parametrize(
        ("value", "key", "problem"),
        [
            ("[]", "health", "must hold at least one value"),
            ('"health.*"', "health", "must be a list"),
            ('{ not_applicable = "x" }', "health.not_applicable", "String should have at least 3 characters"),
            ('{ not_applicable = "    " }', "health.not_applicable", "String should have at least 3 characters"),
            ("{}", "health.not_applicable", "is required"),
        ],
    )
    def test_a_guide_line_without_checks_or_reason(
        self, refused: Callable[..., str], value: str, key: str, problem: str
    ) -> None:
        assert refused(f"[guide.daily]\nhealth = {value}\n") == f"guide.daily.{key}: {problem}"

    def test_text_that_is_not_utf_8(self, refused: Callable[..., str]) -> None:
        assert refused(SERVICE.encode() + b'owner = "\xff"') == "is not UTF-8 text"

    def test_broken_toml_with_its_line(self, refused: Callable[..., str]) -> None:
        assert refused("owner = = 1\n") == "is not TOML: Invalid value (at line 4, column 9)"

    def test_a_file_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match=r"none\.toml: cannot be read: No such file or directory$"):
            load_settings(tmp_path / "none.toml")

    def test_a_folder_in_place_of_a_file(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match=r"cannot be read: Is a directory$"):
            load_settings(tmp_path)

    def test_every_problem_is_reported_at_once(self, write: Write) -> None:
        path = write('[service]\nname = "A"\ntimezone = "JST"\n[health]\nsamples = 0\nnope = 1\n')
        with pytest.raises(ConfigurationError) as error:
            load_settings(path)
        keys = {problem.partition(":")[0] for problem in error.value.problems}
        assert keys == {"service.name", "service.base_url", "service.timezone", "health.samples", "health.nope"}
        assert all(line.startswith(f"{path}: ") for line in str(error.value).splitlines())


class TestReading:
    """What a service file means."""

    def test_a_service_alone(self, read: Callable[[str], Settings]) -> None:
        settings = read("")
        assert settings.health is None
        assert settings.targets() == (Instance(name="service", base_url="http://127.0.0.1:8000"),)
        assert settings.output == settings.path.parent / "reports/output"
        assert (str(settings.zone), settings.reports.locales) == ("UTC", ("ja", "en"))

    def test_relative_places_start_from_the_files_folder(self, read: Callable[[str], Settings]) -> None:
        settings = read('[reports]\noutput = "out"\n')
        assert settings.path.is_absolute()
        assert settings.output == settings.path.parent / "out"

    def test_instances_are_checked_in_place_of_the_service(self, read: Callable[[str], Settings]) -> None:
        settings = read('[[instances]]\nname = "a"\nbase_url = "https://a/app/"\n')
        assert settings.targets() == (Instance(name="a", base_url="https://a/app"),)

    def test_secrets_are_places(self, read: Callable[[str], Settings]) -> None:
        settings = read(
            '[health.headers]\nX-Key = { env = "KEY" }\nX-Team = "ops"\n'
            '[mail]\nusername = "ops"\npassword = { file = "/run/secrets/mail" }\n[history]\nurl = { block = "ops" }\n'
        )
        assert settings.health is not None
        assert settings.health.headers == {"X-Key": SecretRef(env="KEY"), "X-Team": "ops"}
        assert settings.mail.password == SecretRef(file=Path("/run/secrets/mail"))
        assert settings.history.url == SecretRef(block="ops")

    @pytest.mark.parametrize("url", ["sqlite:///ops.db", "postgresql://ops@db/ops", "postgresql+psycopg://db/ops"])
    def test_histories(self, read: Callable[[str], Settings], url: str) -> None:
        assert read(f'[history]\nurl = "{url}"\n').history.url == url

    @pytest.mark.parametrize("path", ["/", "/health", "/a/b?deep=1", "/日本", "/a//b"])
    def test_paths(self, read: Callable[[str], Settings], path: str) -> None:
        health = read(f'[health]\nlive = "{path}"\nrequests = ["{path}"]\n').health
        assert health is not None
        assert (health.live, health.requests) == (path, (path,))

    @pytest.mark.parametrize("url", ["http://127.0.0.1:1", "https://例え.jp", "http://[::1]:8000", "https://shop/app"])
    def test_addresses(self, write: Write, url: str) -> None:
        path = write(SERVICE.replace("http://127.0.0.1:8000", url))
        assert load_settings(path).service.base_url == url


class TestGuideLines:
    """What a service file says of the guide's lines."""

    BUILTIN = tuple(system.line.id for system in CHECKLIST.systems)

    def lines(self, read: Callable[[str], Settings], text: str) -> dict[str, GuideLine]:
        return {line.id: line for line in CHECKLIST.lines(read(f"[guide.daily]\n{text}\n"))}

    def test_the_guide_as_it_is(self, read: Callable[[str], Settings]) -> None:
        lines = self.lines(read, "")
        assert tuple(lines) == self.BUILTIN
        assert tuple(lines.values()) == tuple(system.line for system in CHECKLIST.systems)
        assert lines["resources"].checks == ("resources.*", "kpi.*")
        assert {line.not_applicable for line in lines.values()} == {None}

    @pytest.mark.parametrize("name", ["error-logs", '"Review the error log"', '"エラーログのレビュー"'])
    def test_a_line_is_named_by_its_id_or_its_text(self, read: Callable[[str], Settings], name: str) -> None:
        other = self.lines(read, f'{name} = ["health.latency", "health.version"]')
        assert tuple(other) == self.BUILTIN
        assert other["error-logs"].checks == ("health.latency", "health.version")
        left_out = self.lines(read, f'{name} = {{ not_applicable = "no log is kept" }}')
        assert tuple(left_out) == self.BUILTIN
        assert left_out["error-logs"].not_applicable == "no log is kept"
        assert left_out["error-logs"].checks == ("logs.*",), "a failure of these checks must still be found"
        assert left_out["health"].not_applicable is None

    def test_added_lines_come_last_in_the_files_order(self, read: Callable[[str], Settings]) -> None:
        lines = self.lines(read, '"在庫の確認" = ["health.status"]\n"Look at {x}" = { not_applicable = "not yet" }')
        assert tuple(lines) == (*self.BUILTIN, "在庫の確認", "Look at {x}")
        assert lines["在庫の確認"].checks == ("health.status",)
        added = lines["Look at {x}"]
        assert (added.text, added.checks, added.not_applicable) == (verbatim("Look at {x}"), (), "not yet")

    def test_a_mistyped_name_leaves_the_line_as_it_is(self, read: Callable[[str], Settings]) -> None:
        lines = self.lines(read, '"エラーログのレビュ" = { not_applicable = "no log is kept" }')
        assert lines["error-logs"].not_applicable is None

    def test_words_of_the_guide_stay_translatable(self, read: Callable[[str], Settings]) -> None:
        text: Message = self.lines(read, 'health = ["health.*"]')["health"].text
        assert text == msg("Confirm the health check")

    def test_another_checklist_is_not_changed(self, read: Callable[[str], Settings]) -> None:
        settings = read('[guide.daily]\nx = ["health.*"]\n')
        assert WEEKLY.lines(settings) == tuple(system.line for system in WEEKLY.systems)


class TestFolder:
    """Several services: one file each."""

    def test_services_by_name(self, write: Write, tmp_path: Path) -> None:
        write(SERVICE, "b.toml")
        write(SERVICE.replace("kondate", "shop"), "a.toml")
        write("not a service file", "README.md")
        assert list(find_services(tmp_path)) == ["shop", "kondate"]
        assert list(find_services(tmp_path / "a.toml")) == ["shop"]

    def test_one_name_in_two_files(self, write: Write, tmp_path: Path) -> None:
        first, second = write(SERVICE, "a.toml"), write(SERVICE, "b.toml")
        with pytest.raises(ConfigurationError) as error:
            find_services(tmp_path)
        assert str(error.value) == f"{second}: service.name: 'kondate' is also the name in {first}"

    def test_an_empty_folder_and_one_that_is_not_there(self, tmp_path: Path) -> None:
        for place in (tmp_path, tmp_path / "none"):
            with pytest.raises(ConfigurationError) as error:
                find_services(place)
            assert str(error.value) == f"{place}: no service file (*.toml) is there"

    def test_a_service_of_this_machine(self, write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(os.environ, SERVICES_VARIABLE, str(tmp_path))
        write(SERVICE)
        assert find_service("kondate").service.name == "kondate"
        with pytest.raises(ConfigurationError, match="no service is named 'shop'; there are: kondate"):
            find_service("shop")


class TestWhatWouldMislead:
    def test_a_pattern_that_no_check_answers(self, refused: Callable[..., str]) -> None:
        assert "no check matches 'helth.*'" in refused('[guide.daily]\nhealth = ["helth.*"]\n')

    def test_a_secret_in_plain_text(self, refused: Callable[..., str]) -> None:
        text = refused(f'[health.headers]\nAuthorization = "Bearer {PASSWORD}"\n')
        assert "looks like a secret" in text
        assert PASSWORD not in text

    def test_a_round_that_could_not_end_in_time(self, refused: Callable[..., str]) -> None:
        assert "could take" in refused('[health]\nrequests = ["/a"]\nsamples = 1000\ntimeout_s = 2\n')

    def test_another_services_broken_file_does_not_matter(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "a.toml").write_text("[service\n")
        (tmp_path / "kondate.toml").write_text(SERVICE)
        monkeypatch.setenv(SERVICES_VARIABLE, str(tmp_path))
        assert find_service("kondate").service.name == "kondate"
        with pytest.raises(ConfigurationError, match=r"there are: kondate\n.*a\.toml: is not TOML"):
            find_service("shop")
