"""`rounds init` as a whole: what it writes loads, says what was not found, and holds nothing it should not."""

import json
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from deployments.cli.app import app
from deployments.init.command import Given, write_service_file
from flows.daily_checklist import CHECKLIST
from tasks.errors import UsageError
from tasks.postgres.server import PostgresServer
from tasks.settings import SERVICES_VARIABLE, Settings, load_settings
from tests.operated import Answer

NOW = datetime(2026, 11, 25, 9, tzinfo=UTC)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.setenv("SHOP_DATABASE_URL", "")  # what is set by a test goes at its end
    monkeypatch.setenv("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    return tmp_path


def write(url: str, **more: Any) -> tuple[Settings, str, str, tuple[str, ...]]:
    """The settings, the file, what was printed, and what is to do."""
    printed: list[str] = []
    output = Path("service.toml")
    written = write_service_file(Given(**{"url": url, "output": output, "name": "shop"} | more), NOW, printed.append)
    assert load_settings(output) == written.settings
    assert [path.name for path in Path().glob(".service*")] == []
    assert len(written.edits) <= 5
    return written.settings, output.read_text(encoding="utf-8"), "\n".join(printed), written.edits


def log(name: str, lines: list[dict[str, Any]]) -> str:
    Path(name).write_text("".join(json.dumps(line) + "\n" for line in lines))
    return name


def request(n: int, **more: Any) -> dict[str, Any]:
    line = {"timestamp": NOW.isoformat(), "level": "info", "module": "items", "message": "answered", "method": "GET"}
    return line | {"url": f"/api/items/{n}", "status": 200, "duration": 35.5} | more


def test_with_nothing_but_an_address_what_was_not_given_is_left_out_with_its_reason(site: Any) -> None:
    settings, text, printed, edits = write(site.url)
    health = settings.health
    assert health is not None
    assert (health.live, health.ready, health.report, health.components) == (
        "/live",
        "/ready",
        "/health",
        ("database",),
    )
    assert health.requests == ()
    assert CHECKLIST.lines(settings)[1].not_applicable == "no log was given to rounds init / ログの指定なし"
    assert settings.resources is not None and settings.resources.host  # it runs on this machine
    assert settings.mail.to == ()
    assert "not found: test requests" in printed and "not given: log (--log FILE)" in printed
    assert edits[0].startswith("[[logs.source]]")
    assert '# requests = ["/"]' in text


def test_a_service_elsewhere_needs_its_machines_named(site: Any) -> None:
    url = site.url.replace("127.0.0.1", "127.1")  # the same machine in a spelling that does not say so
    settings, _, _, edits = write(url)
    assert settings.resources is None
    assert CHECKLIST.lines(settings)[2].not_applicable is not None
    assert any(edit.startswith("[resources]") for edit in edits)


def test_two_logs_routes_and_modules(site: Any) -> None:
    site.answers |= {"/": Answer(), "/api/items": Answer(), "/api/gone": Answer(500)}
    lines = [request(n) for n in range(40)] + [request(n, url="/api/items", module="items") for n in range(9)]
    lines += [request(n, url="/api/gone") for n in range(8)] + [request(n, url="/live") for n in range(3)]
    lines += [request(n, url=f"/api/page{chr(97 + n)}", module=f"Mod {n % 3}") for n in range(26)]
    lines += [request(n, url=f"/api/list{'aeiou'[n // 6]}{'bcdfgh'[n % 6]}/all", module="items") for n in range(30)]
    app_log = log("app.log", lines)
    Path("access.log").write_text(
        '10.0.0.1 - - [25/Nov/2026:08:59:58 +0000] "GET /static HTTP/1.1" 200 12 "-" "curl" 0.035\n' * 5
    )
    Path("odd.log").write_text("INFO started\n" * 7)
    settings, text, printed, _ = write(site.url, logs=(app_log, "access.log", "odd.log"))
    app_source, access = settings.logs.source
    assert (app_source.name, app_source.format, app_source.duration_unit, app_source.requests) == (
        "app",
        "json",
        "ms",
        True,
    )
    assert app_source.fields.model_fields_set == set()  # all as by default
    assert (access.name, access.format, access.requests) == ("access", "combined", False)
    assert settings.health is not None and settings.health.requests == ("/", "/api/items")
    assert settings.service.modules == ("items",)
    # A route without a module tells a round nothing that it does not find by itself: it is named, not written.
    assert len(settings.routes) == 30 and all(route.module == "items" for route in settings.routes)
    assert "# less often / 少数 (3): " in text and "# no module known / モジュール不明 (26): /api/page" in text
    patterns = [route.pattern for route in settings.routes]
    assert patterns.index("/api/items") < patterns.index("/api/items/:id") and "/live" not in patterns
    assert "odd.log: 7 of 7 lines are neither JSON nor combined" in text
    assert "not found: log odd.log: 7 of 7 lines" in printed
    [*given, watch] = CHECKLIST.lines(settings)
    assert all(not line.not_applicable for line in given)
    assert (watch.id, watch.not_applicable) == ("schedule", "not monitored yet / 監視の開始前")


def test_logs_that_cannot_be_read_leave_the_line_open(site: Any) -> None:
    settings, _, printed, edits = write(site.url, logs=("gone.log",), log_command="sh -c 'exit 4' {since}")
    assert settings.logs.source == ()
    assert CHECKLIST.lines(settings)[1].not_applicable is None  # it was meant to be checked
    assert "No file matches gone.log" in printed and "The command exited with status 4" in printed
    assert [edit[:15] for edit in edits[:2]] == ["[[logs.source]]"] * 2


def test_a_command_becomes_a_source(site: Any) -> None:
    log("app.log", [request(1)])
    settings, *_ = write(site.url, log_command="sh -c 'cat app.log' {since}")
    (source,) = settings.logs.source
    assert (source.name, source.kind, source.command) == ("command", "command", ("sh", "-c", "cat app.log", "{since}"))


def test_a_command_may_take_its_secret_from_the_environment(site: Any) -> None:
    log("app.log", [request(1)])
    command = """sh -c 'echo "Authorization: Bearer $TOKEN token=${TOKEN}" >&2; cat app.log' {since}"""
    settings, *_ = write(site.url, log_command=command)
    assert settings.logs.source[0].kind == "command"


HOSTILE = ['"]\n[mail]\nsmtp = "smtp://evil.example"\n#', "a\u202eb\x00\x1b[2J", "'''", "\\", "\u2028x"]


def test_hostile_texts_stay_texts(site: Any, here: Path) -> None:
    site.components = [{"name": name, "status": "healthy"} for name in HOSTILE]
    lines = [
        {
            "msg": "a",
            "ti[me] \u202e#": NOW.isoformat(),
            "level": "info",
            "module": name,
            "path": f"/a/{name}",
            "status": 200,
        }
        for name in HOSTILE
        for _ in range(30)
    ]
    name = 'l"og\n\u202e.log'
    guide = here / "guide.md"
    guide.write_text(f'# daily\n- [ ] {HOSTILE[1]}\n- [ ] a" ] }} # b\n', encoding="utf-8")
    settings, text, printed, _ = write(site.url, logs=(log(name, lines),), guide=guide)
    assert settings.mail.smtp is None and settings.service.modules == ()
    (source,) = settings.logs.source
    assert source.fields.timestamp == "ti[me] \u202e#" and source.paths == (str(here / name),)
    assert len(settings.health.components) == len(HOSTILE) if settings.health else False
    for written in (text, printed):
        assert all(char.isprintable() or char in "\n\u3000" for char in written)


def test_a_password_is_in_no_file_and_in_no_output(
    site: Any, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"postgresql://postgres:hunter22@{postgres.host}:{postgres.port}/postgres"
    monkeypatch.setenv("SHOP_DATABASE_URL", url)
    settings, text, printed, edits = write(site.url, database="SHOP_DATABASE_URL")
    assert settings.database is not None
    assert 'url = { env = "SHOP_DATABASE_URL" }' in text
    assert "found: database" in printed
    assert "hunter22" not in text + printed + "".join(edits)


def test_a_prometheus_that_does_not_answer_is_a_stub(site: Any) -> None:
    settings, text, printed, edits = write(site.url, prometheus="http://127.0.0.1:1")
    assert settings.metrics is None
    assert '# prometheus_url = "http://127.0.0.1:1"' in text
    assert "not found: Prometheus: Prometheus cannot be reached" in printed
    assert any(edit.startswith("[metrics]") for edit in edits)


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"url": "shop.example.com"}, "URL must be http://HOST"),
        ({"url": "http://ops:hunter22@127.0.0.1"}, "URL must hold no user or password"),
        ({"prometheus": "prometheus:9090"}, "--prometheus must be http://HOST"),
        ({"name": "Shop"}, "--name: must be 1 to 40"),
        ({"timezone": "Tokyo"}, "--timezone Tokyo: use an IANA time zone"),
        ({"output": Path("no/service.toml")}, "its folder does not exist"),
        ({"log_command": "kubectl logs"}, "must contain {since}"),
        ({"log_command": "kubectl 'logs {since}"}, "--log-command: No closing quotation"),
        ({"log_command": "curl -H 'Authorization: Bearer hunter22' http://x/{since}"}, "seems to contain a secret"),
        ({"log_command": "curl http://ops:hunter22@x/{since}"}, "seems to contain a secret"),
        ({"guide": Path("gone.md")}, "--guide gone.md: cannot be read"),
        ({"database": "postgresql://ops:hunter22@db/shop"}, "seen in the list of processes"),
        ({"database": "NO_SUCH_VARIABLE"}, "NO_SUCH_VARIABLE is not set"),
    ],
)
def test_wrong_arguments_are_refused_before_any_request(site: Any, more: dict[str, Any], why: str) -> None:
    with pytest.raises(UsageError, match=why.replace("{", r"\{")) as refused:
        write(**{"url": site.url} | more)
    assert site.asked == [] and not Path("service.toml").exists()
    assert "hunter22" not in str(refused.value)


def test_a_file_that_is_there_is_only_overwritten_by_force(site: Any) -> None:
    Path("service.toml").write_text("mine")
    ended = CliRunner().invoke(app, ["init", site.url, "--no-run"])
    assert ended.exit_code == 2 and "service.toml exists already" in ended.output and "--force" in ended.output
    assert Path("service.toml").read_text() == "mine" and site.asked == []
    ended = CliRunner().invoke(app, ["init", site.url, "--no-run", "--force", "--timezone", "Asia/Tokyo"])
    assert ended.exit_code == 0, ended.output
    assert tomllib.loads(Path("service.toml").read_text())["service"]["timezone"] == "Asia/Tokyo"
    assert "To do in service.toml:" in ended.output


@pytest.mark.parametrize(
    ("arguments", "variables", "language", "words"),
    [
        (["--lang", "ja"], {"LANG": "en_US.UTF-8"}, "ja", ("検出: Liveness /live", "指定なし: ログ", "で行うこと:")),
        ([], {"LANG": "C.UTF-8"}, "en", ("not given: log", "written: service.toml")),
    ],
)
def test_what_it_prints_and_its_reports_are_in_one_language(
    site: Any,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    variables: dict[str, str],
    language: str,
    words: Any,
) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.setenv(name, variables.get(name, ""))
    ended = CliRunner().invoke(app, ["init", site.url, "--no-run", *arguments])
    assert ended.exit_code == 0, ended.output
    assert [word for word in words if word not in ended.output] == []
    assert ("found:" in ended.output) is (language == "en")
    assert load_settings(Path("service.toml")).reports.locales[0] == language


def test_a_file_that_appears_while_looking_is_not_overwritten(site: Any) -> None:
    given = Given(site.url, Path("service.toml"), name="shop")
    with pytest.raises(UsageError, match=r"^service.toml exists already: choose another --output, or overwrite it"):
        write_service_file(given, NOW, lambda _: Path("service.toml").write_text("mine") and None)
    assert Path("service.toml").read_text() == "mine" and [path.name for path in Path().iterdir()] == ["service.toml"]


def test_without_an_answer_nothing_is_written() -> None:
    ended = CliRunner().invoke(app, ["init", "http://127.0.0.1:1"])
    assert ended.exit_code == 3 and "is it running, and is the port right?" in ended.output
    assert list(Path().iterdir()) == []


def test_the_whole_command_ends_with_a_first_report(
    site: Any, prefect: Any, prefect_api: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"PREFECT_API_URL": prefect_api, "PREFECT_CLIENT_METRICS_ENABLED": "false"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv(SERVICES_VARIABLE, "")
    site.answers["/"] = Answer()
    now = datetime.now(UTC)
    lines = [
        {
            "time_iso8601": (now - timedelta(seconds=1300 - n)).isoformat(),
            "request": f"GET /api/items/{n} HTTP/1.1",
            "status": 200,
            "request_time": f"0.0{n % 90 + 10}",
        }
        for n in range(1200)
    ]
    ended = CliRunner().invoke(app, ["init", site.url, "--log", log("access.log", lines)])
    (page,) = Path("reports/output").glob("service/daily-checklist/*/r1/report.json")
    report = json.loads(page.read_text())
    # What this machine's processor and disks say is theirs: the other two lines must have been checked.
    assert [line["ticked"] for line in report["lines"]][:2] == [True, True], ended.output
    assert {"Passed": 0, "Attention": 0, "ChecksFailed": 1, "Incomplete": 3}[report["verdict"]] == ended.exit_code
    (share,) = [result for result in report["results"] if result["check"] == "logs.error-share"]
    assert (share["subject"], share["status"]) == ("module:items", "PASS")
    printed, _, todo = ended.output.partition("To do in service.toml:")
    assert "/r1/report.en.html" in printed or ("/r1/report.html" in printed and todo.count("\n") <= 6)
    assert not list(Path("reports/output").rglob("mail/*.eml"))


def planted(root: Path, *files: str, **contents: str) -> Path:
    """A source tree with these files."""
    for name in files:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(contents.get(path.name.partition(".")[0], "x = 1\n"))
    return root


def test_a_source_tree_with_what_was_found_in_it(site: Any, here: Path) -> None:
    tree = planted(here / "shop", "app/run.py", "vendor/lib/a.py", "web/third_party/b.js", ".secrets.baseline")
    planted(tree, "requirements.txt", "vendor/requirements.txt", requirements="flask==3.0.0\n")
    planted(tree, "web/yarn.lock", yarn="# yarn lockfile v1\n")
    (here / "services").mkdir()
    output = here / "services" / "shop.toml"
    printed: list[str] = []
    settings = write_service_file(Given(site.url, output, source=Path("shop")), NOW, printed.append).settings
    source = settings.source
    assert source is not None and settings.security is not None
    assert (str(source.path), source.exclude) == ("../shop", ("vendor/**", "web/third_party/**"))
    assert (source.no_python, source.no_dependencies, source.locks) == (None, None, None)
    assert str(source.secrets_baseline) == ".secrets.baseline"
    assert "found: lock files requirements.txt web/yarn.lock" in printed
    assert "requirements.txt, web/yarn.lock" in output.read_text()
    checked = CliRunner().invoke(app, ["config", "check", str(output)])
    assert (checked.exit_code, json.loads(checked.stdout)["source"]["path"]) == (0, "../shop")


def test_a_source_tree_without_python_or_lock_file(site: Any, here: Path) -> None:
    planted(here / "shop", "main.go")
    settings, text, printed, edits = write(site.url, source=Path("shop"))
    assert (
        settings.source is not None
        and settings.source.no_python == "rounds init found no Python file / Python ファイルなし"
    )
    assert settings.source.no_dependencies is None and '# no_dependencies = "why / 理由"' in text
    assert any(edit.startswith("[source]: no lock file was found") for edit in edits)
    assert "found: source tree with 1 files, none of them Python" in printed and "not found: lock file" in printed


def test_packages_that_no_lock_file_pins_are_to_be_pinned(site: Any, here: Path) -> None:
    planted(here / "shop", "app.py", "package.json", package='{"dependencies": {"react": "^18"}}')
    _, text, _, edits = write(site.url, source=Path("shop"))
    assert any(edit.startswith("[source]: pin the packages of package.json") for edit in edits)
    assert "no lock file pins the packages of package.json" in text


def test_without_a_source_tree_its_section_is_a_stub(site: Any) -> None:
    settings, text, printed, _ = write(site.url)
    assert settings.source is None and settings.security is None
    assert "# [source]" in text and "not given: source tree (--source PATH)" in printed


@pytest.mark.parametrize("name", ["gone", "file"])
def test_a_source_tree_that_is_none_is_refused(site: Any, here: Path, name: str) -> None:
    (here / "file").write_text("")
    with pytest.raises(UsageError, match=r"--source .*: is not a folder"):
        write(site.url, source=Path(name))
    assert not (here / "service.toml").exists()


def test_hostile_names_in_a_source_tree_stay_texts(site: Any, here: Path) -> None:
    evil = 'a"]\n(mail)\nsmtp = "evil"\n#\x1b'
    planted(here / "shop", f"{evil}/vendor/x.py", f"{evil}/requirements.txt", "b[1]*/vendor/y.py")
    settings, text, printed, _ = write(site.url, source=Path("shop"))
    assert settings.source is not None and set(settings.source.exclude) == {f"{evil}/vendor/**", "b[[]1][*]/vendor/**"}
    assert "\x1b" not in text and "\x1b" not in printed
