"""Commands and Loki as sources: each line once, and nothing of an answer that failed half way."""

import json
import os
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
import trustme

from tasks import secrets
from tasks.check_result import Message
from tasks.deadline import Deadline
from tasks.errors import UsageError
from tasks.history.engine import writing
from tasks.http import trust
from tasks.logs.lines.record import reader_of
from tasks.logs.settings import Source
from tasks.logs.sources.cursor import PAGE
from tasks.logs.sources.loki import read_loki
from tasks.logs.sources.streams import read_command
from tasks.logs.tables import log_hours, log_sources
from tasks.observation import ObservationError

if TYPE_CHECKING:
    from tests.tasks.logs.conftest import Reading, Service

NS = 1_000_000_000
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
SINCE_NS = int(NOON.timestamp()) * NS


def line(at: datetime, message: str = "done") -> str:
    return json.dumps({"timestamp": at.isoformat(), "level": "error", "message": message})


def ask(script: str, problems: list[Message] | None = None, timeout_s: float = 60.0, **bounds: Any) -> list[Any]:
    source = Source(name="pods", kind="command", command=("sh", "-c", script, "{since}"), timeout_s=timeout_s)
    found: list[Any] = read_command(
        source, SINCE_NS, reader_of(source), UTC, [] if problems is None else problems, **bounds
    )
    return found


class TestCommand:
    """A program whose output is the log."""

    @pytest.fixture
    def output(self, service: "Service") -> Path:
        """What the service's command prints."""
        output = service.folder / "output"
        output.write_text("")
        service.sources = (
            '[[logs.source]]\nname = "pods"\nkind = "command"\ntimeout_s = 60\n'
            f'command = ["sh", "-c", "echo $0 > {service.folder}/since; cat {output}", "{{since}}"]\n'
        )
        return output

    def test_receives_the_time_to_read_from(self, service: "Service", output: Path) -> None:
        newest = service.now - timedelta(minutes=1)
        output.write_text(line(newest) + "\n")
        assert service.read_lines() == 1
        asked = datetime.fromisoformat((service.folder / "since").read_text().strip())
        assert service.now - asked - timedelta(hours=24) < timedelta(seconds=1)
        service.read()
        asked = datetime.fromisoformat((service.folder / "since").read_text().strip())
        assert timedelta(0) <= newest - timedelta(seconds=60) - asked < timedelta(seconds=1)

    def test_output_that_overlaps_counts_once(self, service: "Service", output: Path) -> None:
        start = service.now - timedelta(minutes=5)
        lines = [line(start + timedelta(seconds=place), "same") for place in range(10)]
        output.write_text("\n".join([*lines[:7], lines[6]]))
        assert service.read_lines() == 8
        late = line(start - timedelta(seconds=20), "late")
        output.write_text("\n".join([lines[6], late, *lines[:7], *lines[7:]]))
        assert service.read_lines() == 4
        assert service.read_lines() == 0
        assert service.sums()["parsed"] == 12

    def test_lines_without_a_time_stay_with_the_line_before(self, service: "Service", output: Path) -> None:
        at = service.now - timedelta(hours=5)
        later = at + timedelta(seconds=9)
        trace = "Traceback:\n  at main\n"
        output.write_text(line(at) + "\n" + trace)
        assert service.read_lines() == 3
        output.write_text("  at main\n" + line(at) + "\n" + trace + line(later) + "\n" + trace)
        assert service.read_lines() == 3
        assert service.read_lines() == 0
        hours = [int(moment.timestamp()) // 3600 for moment in (at, later)]
        kept = Counter({row.hour: row.lines for row in service.rows(log_hours)})
        assert kept == Counter(hours * 3)

    def test_much_of_it_is_stored_piece_by_piece_in_the_order_of_time(self, service: "Service", output: Path) -> None:
        start = service.now - timedelta(hours=2)
        pods = [[line(start + timedelta(seconds=place // 2), f"{pod}{place}") for place in range(9000)] for pod in "ab"]
        output.write_text("\n".join([*pods[0], *pods[1]]))
        service.commit_bytes = 100_000
        assert service.read_lines() == 18_000
        assert service.rows(log_sources)[0].version > 3
        assert service.read_lines() == 0

    def test_without_any_time_counts_once(self, service: "Service", output: Path) -> None:
        output.write_text("a\nb\na\n")
        assert service.read_lines() == 3
        output.write_text("a\nb\na\na\n")
        assert service.read_lines() == 1

    def test_nothing_of_a_failed_command_counts(self, service: "Service", output: Path) -> None:
        output.write_text(line(service.now) + "\n")
        whole = service.sources
        service.sources = whole.replace(f"cat {output}", f"cat {output}; exit 1")
        with pytest.raises(ObservationError, match="The command exited with status 1: "):
            service.read()
        assert service.sums()["lines"] == 0
        service.sources = whole
        assert service.read_lines() == 1

    def test_an_exit_status_comes_with_the_last_words(self) -> None:
        with pytest.raises(ObservationError, match=r"^The command exited with status 3: pods is forbidden$"):
            ask("echo line; echo first >&2; echo pods is forbidden >&2; exit 3")

    def test_no_secret_is_among_the_last_words(self, monkeypatch: pytest.MonkeyPatch, service: "Service") -> None:
        monkeypatch.setenv("LOG_TOKEN", "4f9a-token-of-ours")
        service.more = '[mail]\nsmtp = "smtp://127.0.0.1:9"\nsender = "a@shop.example"\n'
        secrets.resolve(_reference("LOG_TOKEN"), service.settings, "mail.password")
        with pytest.raises(ObservationError) as refused:
            ask("echo 'no: 4f9a-token-of-ours, password=hunter22secret, ask taro@example.com' >&2; exit 1")
        message = str(refused.value)
        assert "no: " in message
        for secret in ("4f9a-token-of-ours", "hunter22secret", "taro@example.com"):
            assert secret not in message

    def test_a_command_has_our_environment_without_the_credential_of_prefects_server(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PREFECT_API_AUTH_STRING", "opsrounds:sesame")
        monkeypatch.setenv("LOG_TOKEN", "4f9a")
        with pytest.raises(ObservationError, match="status 1: credential none, token 4f9a"):
            ask('echo "credential ${PREFECT_API_AUTH_STRING-none}, token $LOG_TOKEN" >&2; exit 1')

    def test_an_unknown_program(self) -> None:
        source = Source(name="pods", kind="command", command=("kubectl-of-nowhere", "{since}"))
        with pytest.raises(ObservationError, match="Program kubectl-of-nowhere is not installed on this machine"):
            read_command(source, SINCE_NS, reader_of(source), UTC, [])

    @pytest.mark.parametrize("bounds", [{"timeout_s": 3.0}, {"deadline_s": 3.0}])
    def test_one_that_hangs_is_ended_with_all_that_it_started(self, tmp_path: Path, bounds: dict[str, float]) -> None:
        began = time.monotonic()
        with pytest.raises(ObservationError, match=r"The command did not finish within 3\.0 s"):
            ask(f"echo '{line(NOON)}'; sleep 600 & echo $! > {tmp_path}/pid; echo $$ > {tmp_path}/own; wait", **bounds)
        assert 3 <= time.monotonic() - began < 30
        for name in ("pid", "own"):
            pid = int((tmp_path / name).read_text())
            until = time.monotonic() + 60
            while _lives(pid) and time.monotonic() < until:
                time.sleep(0.02)
            assert not _lives(pid)

    def test_more_than_the_most_output_is_cut_at_a_line(self) -> None:
        problems: list[Message] = []
        text = line(NOON)
        found = ask(f"while :; do echo '{text}'; done", problems, most_bytes=65536)
        assert {text for _, text in found} == {text.encode()}
        assert len(found) == 65536 // (len(text) + 1)
        assert [problem.params for problem in problems] == [{"most": 0.062}]

    @pytest.mark.parametrize(("back_s", "refused"), [(60, False), (61, True)])
    def test_a_cut_output_must_give_the_oldest_lines_first(self, back_s: int, refused: bool) -> None:
        early, late = line(NOON - timedelta(seconds=back_s)), line(NOON)
        script = f"echo '{late}'; while :; do echo '{early}'; done"
        if refused:
            with pytest.raises(ObservationError, match="not the oldest lines first"):
                ask(script, most_bytes=65536)
        else:
            assert len(ask(script, most_bytes=65536)) > 100

    def test_a_cut_output_without_a_time_could_never_go_on(self) -> None:
        with pytest.raises(ObservationError, match="without a readable time"):
            ask("while :; do echo text; done", most_bytes=65536)

    def test_times_are_exact(self) -> None:
        moment = datetime(2026, 11, 24, 12, 0, 0, 123457, UTC)
        assert ask(f"echo '{line(moment)}'")[0][0] == SINCE_NS + 123457_000


def _reference(variable: str) -> Any:
    from tasks.configuration import SecretRef

    return SecretRef(env=variable)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


@dataclass
class Loki:
    """A server that answers range queries from streams of (ns, line); `broken` answers in its place."""

    streams: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    broken: Callable[[BaseHTTPRequestHandler, int], bool] | None = None
    asked: list[dict[str, str]] = field(default_factory=list)
    port: int = 0
    server: ThreadingHTTPServer | None = None

    def start(self, tls: ssl.SSLContext | None = None) -> None:
        loki = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                loki.asked.append({name: values[0] for name, values in parse_qs(parts.query).items()})
                loki.asked[-1]["header"] = self.headers.get("X-Scope-OrgID", "")
                if loki.broken is None or not loki.broken(self, len(loki.asked)):
                    found = parts.path == "/loki/api/v1/query_range"
                    answer(self, 200 if found else 404, json.dumps(loki.answer(loki.asked[-1])))

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.server.daemon_threads = True
        if tls is not None:
            # Else the thread that accepts would wait for the handshake of whoever never says a word.
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def stop(self) -> None:
        assert self.server is not None
        self.server.shutdown()
        self.server.server_close()

    def answer(self, asked: dict[str, str]) -> dict[str, Any]:
        assert asked["direction"] == "forward"
        start, end, limit = int(asked["start"]), int(asked["end"]), int(asked["limit"])
        all_lines = [(at, text, name) for name, stream in self.streams.items() for at, text in stream]
        page = sorted(entry for entry in all_lines if start <= entry[0] < end)[:limit]
        result = [
            {"stream": {"pod": name}, "values": [[str(at), text] for at, text, of in page if of == name]}
            for name in self.streams
        ]
        return {"status": "success", "data": {"resultType": "streams", "result": result}}


def answer(handler: BaseHTTPRequestHandler, status: int, body: str) -> bool:
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(body.encode())))
    handler.end_headers()
    handler.wfile.write(body.encode())
    return True


class TestLoki:
    """A query whose streams are the log."""

    @pytest.fixture
    def loki(self, service: "Service") -> Iterator[Loki]:
        """A Loki that the service asks."""
        loki = Loki()
        loki.start()
        service.sources = (
            '[[logs.source]]\nname = "loki"\nkind = "loki"\ntimeout_s = 30\nquery = \'{app="kondate"}\'\n'
            f'url = "http://127.0.0.1:{loki.port}"\nheaders = {{ X-Scope-OrgID = "kitchen" }}\n'
        )
        yield loki
        loki.stop()

    def put(self, loki: Loki, service: "Service", count: int, pod: str = "a", step_ns: int = NS) -> None:
        """More lines of a pod, the last one a while ago."""
        stream = loki.streams.setdefault(pod, [])
        start = int((service.now - timedelta(hours=2)).timestamp()) * NS if not stream else stream[-1][0] + step_ns
        for place in range(count):
            at = datetime.fromtimestamp((start + place * step_ns) / NS, UTC)
            stream.append((start + place * step_ns, line(at, "same")))

    def test_lines_of_several_streams_are_read_once(self, service: "Service", loki: Loki) -> None:
        for pod in ("a", "b"):
            self.put(loki, service, 30, pod)
        assert service.read_lines() == 60
        assert service.read_lines() == 0
        self.put(loki, service, 5, "b")
        loki.streams["a"].insert(0, (loki.streams["a"][-1][0] - 30 * NS, line(service.now, "late")))
        assert service.read_lines() == 6
        assert service.read_lines() == 0
        assert service.sums()["parsed"] == 66
        assert {asked["header"] for asked in loki.asked} == {"kitchen"}
        assert {asked["query"] for asked in loki.asked} == {'{app="kondate"}'}

    @pytest.mark.parametrize("count", [PAGE - 1, PAGE, PAGE + 1, 2 * PAGE + 7])
    def test_page_by_page(self, service: "Service", loki: Loki, count: int) -> None:
        self.put(loki, service, count, step_ns=NS // 10)
        assert service.read_lines() == count
        assert service.read_lines() == 0

    def test_a_page_that_ends_amid_one_moment(self, service: "Service", loki: Loki) -> None:
        self.put(loki, service, PAGE - 100)
        at = loki.streams["a"][-1][0] + NS
        loki.streams["b"] = [(at, line(service.now, str(place))) for place in range(PAGE - 200)]
        loki.streams["a"].append((at + 1, line(service.now)))
        assert service.read_lines() == 2 * PAGE - 299

    def test_more_than_a_page_of_one_moment_is_reported(self, service: "Service", loki: Loki) -> None:
        self.put(loki, service, 1)
        at = loki.streams["a"][-1][0] + NS
        loki.streams["b"] = [(at, line(service.now, "same"))] * (PAGE + 50)
        loki.streams["a"].append((at + NS, line(service.now)))
        taken = service.read()
        assert taken.lines == PAGE + 2
        assert [problem.params for problem in taken.problems] == [{"moments": 1}]
        assert service.read_lines() == 0
        [crowded] = {row.hour: row.crowded for row in service.rows(log_hours) if row.crowded}.items()
        assert crowded == (at // NS // 3600, 1)  # for the review, which reads nothing of it any more

    def test_much_of_it_is_stored_piece_by_piece(self, service: "Service", loki: Loki) -> None:
        self.put(loki, service, 3 * PAGE, step_ns=NS // 10)
        service.commit_bytes = 1000
        loki.broken = lambda handler, asked: asked == 3 and answer(handler, 500, "too busy")
        with pytest.raises(ObservationError, match="Loki returned HTTP 500: too busy"):
            service.read()
        assert (service.sums()["lines"], service.rows(log_sources)[0].version) == (2 * PAGE - 2, 2)
        loki.broken = None
        assert service.read_lines() == PAGE + 2

    @pytest.mark.deep
    def test_what_there_was_no_time_for_is_read_next_time(self, service: "Service", loki: Loki) -> None:
        self.put(loki, service, 2 * PAGE, step_ns=NS // 10)
        service.commit_bytes, deadline_s, committed = 1000, 4.0, threading.Event()

        def hold() -> None:
            with writing(service.history):
                committed.set()
                time.sleep(deadline_s + 0.5)

        def slow(_: BaseHTTPRequestHandler, asked: int) -> bool:
            if asked == 1:
                threading.Thread(target=hold).start()
                committed.wait()
            return False

        loki.broken = slow
        taken = service.read(deadline_s=deadline_s)
        assert [problem.text for problem in taken.problems] == [
            "Not all lines could be read in time: the rest is read next time"
        ]
        assert (taken.lines, len(loki.asked)) == (PAGE - 1, 1)
        assert service.read_lines() == PAGE + 1

    def test_an_answer_that_is_too_large_is_asked_for_in_smaller_ones(self, service: "Service", loki: Loki) -> None:
        self.put(loki, service, 1000)
        source, since = service.settings.logs.source[0], loki.streams["a"][0][0]
        until, trusted = int(service.now.timestamp()) * NS, trust(None, "")
        pages = list(read_loki(source, since, until, {}, trusted, most_bytes=100_000))
        assert [text for page in pages for _, text in page.lines] == [text.encode() for _, text in loki.streams["a"]]
        assert {asked["limit"] for asked in loki.asked} == {"5000", "625"}
        with pytest.raises(ObservationError, match="Loki returned a line longer than"):
            list(read_loki(source, since, until, {}, trusted, most_bytes=100))

    @pytest.mark.deep
    def test_it_needs_no_more_memory_for_more_lines(
        self, service: "Service", loki: Loki, apart: Callable[["Service"], "Reading"]
    ) -> None:
        self.put(loki, service, 40_000, step_ns=NS // 10)
        loki.streams["a"] = [(at, text.replace("same", "x" * 1000)) for at, text in loki.streams["a"]]  # 43 MB
        reading = apart(service)
        assert reading.order()["ends"] == [0]
        assert reading.noted()["lines"] == 40_000
        assert reading.noted()["grown_kib"] < 64 * 1024

    def test_lines_from_now_on_are_for_the_next_time(self, service: "Service", loki: Loki) -> None:
        service.now = service.now.replace(microsecond=0)
        now_ns = int(service.now.timestamp()) * NS
        loki.streams["a"] = [(now_ns - 1, line(service.now, "before")), (now_ns, line(service.now, "now"))]
        assert service.read_lines() == 1
        service.now += timedelta(minutes=1)
        assert service.read_lines() == 1

    def test_started_anew_in_between(self, service: "Service", loki: Loki) -> None:
        self.put(loki, service, 10)
        assert service.read_lines() == 10
        loki.stop()
        with pytest.raises(ObservationError, match="Cannot connect to Loki: check url"):
            service.read()
        loki.start()
        self.put(loki, service, 3)
        assert service.read_lines() == 3

    @pytest.mark.parametrize(
        ("status", "body", "message"),
        [
            (500, "parse error; Authorization: Bearer abcdef0123456789", "Loki returned HTTP 500: parse error"),
            (302, "", "Loki returned HTTP 302"),
            (200, "<html>Sign in</html>", "This is not Loki"),
            (200, "", "This is not Loki"),
            (200, "[" * 50_000, "This is not Loki"),
            (200, '{"status": "success"}', "This is not Loki"),
            (200, '{"data": {"resultType": "streams", "result": [{"values": [["x", "y"]]}]}}', "is not Loki"),
            (200, '{"data": {"resultType": "streams", "result": [{"values": [["1"]]}]}}', "is not Loki"),
            (200, '{"data": {"resultType": "streams", "result": [{"values": [["1", 2]]}]}}', "is not Loki"),
            (200, '{"data": {"resultType": "matrix", "result": [{"values": [[1, "2"]]}]}}', "numbers, not lines"),
        ],
    )
    def test_an_unusable_response_counts_nothing(
        self, service: "Service", loki: Loki, status: int, body: str, message: str
    ) -> None:
        self.put(loki, service, 5)
        loki.broken = lambda handler, asked: answer(handler, status, body)
        with pytest.raises(ObservationError, match=message) as refused:
            service.read()
        assert "abcdef0123456789" not in str(refused.value)
        assert service.sums()["lines"] == 0

    @pytest.mark.parametrize("page", [2, 3])
    def test_nothing_of_an_answer_that_fails_half_way_counts(self, service: "Service", loki: Loki, page: int) -> None:
        self.put(loki, service, 2 * PAGE + 5, step_ns=1000)
        loki.broken = lambda handler, asked: asked == page and answer(handler, 500, "too busy")
        with pytest.raises(ObservationError, match="Loki returned HTTP 500: too busy"):
            service.read()
        assert service.sums()["lines"] == 0
        loki.broken = None
        assert service.read_lines() == 2 * PAGE + 5

    @pytest.mark.parametrize("left_s", [0.5, 0.0, -1.0])
    def test_a_page_has_the_time_that_is_left(self, service: "Service", loki: Loki, left_s: float) -> None:
        over, began = threading.Event(), time.monotonic()
        loki.broken = lambda *_: over.wait(60)
        source, until_ns = service.settings.logs.source[0], int(service.now.timestamp()) * NS
        with pytest.raises(ObservationError, match="Loki did not respond in time"):
            list(read_loki(source, 0, until_ns, {}, trust(None, ""), Deadline.after(left_s)))
        assert time.monotonic() - began < 20
        over.set()

    def test_a_private_authority_is_trusted_when_it_is_named(self, service: "Service", loki: Loki) -> None:
        loki.stop()
        authority, tls = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost").configure_cert(tls)
        authority.cert_pem.write_to_path(service.folder / "ca.pem")
        loki.start(tls)
        self.put(loki, service, 2)
        service.sources = service.sources.replace("http://127.0.0.1", "https://localhost")
        with pytest.raises(ObservationError, match=r"Loki's TLS certificate is not trusted \(.+\); .* set ca_file"):
            service.read()
        service.sources += 'ca_file = "ca.pem"\n'
        assert service.read_lines() == 2
        (service.folder / "ca.pem").write_text("")
        with pytest.raises(UsageError, match=r"ca\.pem cannot be used .*correct \[logs\.source\.loki\] ca_file"):
            service.read()

    def test_a_server_without_tls(self, service: "Service", loki: Loki) -> None:
        service.sources = service.sources.replace("http://", "https://")
        with pytest.raises(ObservationError, match="The TLS handshake with Loki failed: check url"):
            service.read()

    @pytest.mark.parametrize("drips", [False, True])
    def test_one_that_hangs_or_drips_is_left(self, service: "Service", loki: Loki, drips: bool) -> None:
        over = threading.Event()

        def hang(handler: BaseHTTPRequestHandler, _: int) -> bool:
            if drips:
                handler.send_response(200)
                handler.send_header("Content-Length", "1000")
                handler.end_headers()
            while drips and not over.wait(0.1):
                try:
                    handler.wfile.write(b" ")
                except OSError:
                    break
            over.wait(60)
            return True

        loki.broken = hang
        service.sources = service.sources.replace("timeout_s = 30", "timeout_s = 0.5")
        began = time.monotonic()
        with pytest.raises(ObservationError, match="Loki did not respond in time"):
            service.read()
        assert 0.5 <= time.monotonic() - began < 30
        over.set()

    def test_structured_metadata_is_no_part_of_a_line(self, service: "Service", loki: Loki) -> None:
        at = int(service.now.timestamp()) * NS - NS
        values = [[str(at), line(service.now), {"trace": "1"}]]
        body = json.dumps({"data": {"resultType": "streams", "result": [{"stream": {}, "values": values}]}})
        loki.broken = lambda handler, _: answer(handler, 200, body)
        assert service.read_lines() == 1
