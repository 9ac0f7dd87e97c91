"""Off-site copies: in a folder, and on a real server that speaks S3."""

import logging
import socket
import ssl
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
import trustme
from moto.server import ThreadedMotoServer

from tasks.backups.facts import OffsiteCopy
from tasks.backups.files.offsite import list_offsite
from tasks.backups.settings import Offsite
from tasks.observation import ObservationError
from tasks.processes import run

ROOT = Path(__file__).parents[4]
KEY, SECRET = "AKIAEXAMPLE", "s3cr3t-example"
HERE = Path("/nowhere")


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    """The address of an S3 server of our own, with pages of three objects."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "3")
        server.start()
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
        server.stop()


@pytest.fixture
def bucket(store: str) -> Any:
    """An empty bucket named `backups`."""
    urllib.request.urlopen(f"{store}/moto-api/reset", data=b"", timeout=10)
    session = boto3.session.Session(KEY, SECRET, region_name="us-east-1")
    made = session.resource("s3", endpoint_url=store).Bucket("backups")
    made.create()
    return made


def listed(
    endpoint: str, s3: str = "s3://backups/shop", keys: tuple[str | None, str | None] = (KEY, SECRET)
) -> dict[str, int]:
    return {copy.name: copy.bytes for copy in list_offsite(Offsite(s3=s3, endpoint_url=endpoint), HERE, *keys)}


def refused(endpoint: str, s3: str = "s3://backups/shop", keys: tuple[str | None, str | None] = (KEY, SECRET)) -> str:
    with pytest.raises(ObservationError) as error:
        listed(endpoint, s3, keys)
    assert SECRET not in str(error.value) and KEY not in str(error.value)
    return str(error.value)


def test_a_pattern_lists_files_and_folders(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "far/shop-1.dump").write_bytes(b"123")
    (tmp_path / "far/shop-1.dump.manifest.json").write_bytes(b"{}")
    (tmp_path / "far/shop-2").mkdir()
    (tmp_path / "far/shop-2/toc.dat").write_bytes(b"12")
    (tmp_path / "far/shop-2/1.dat").write_bytes(b"123")
    copies = list_offsite(Offsite(pattern="far/shop-*"), tmp_path, None, None)
    assert [(copy.name, copy.bytes) for copy in copies] == [("shop-1.dump", 3), ("shop-2", 5)]
    mtime = datetime.fromtimestamp((tmp_path / "far/shop-1.dump").stat().st_mtime, UTC)
    assert copies[0] == OffsiteCopy("shop-1.dump", 3, mtime)
    with pytest.raises(ObservationError, match="does not exist: mount it"):
        list_offsite(Offsite(pattern="elsewhere/*"), tmp_path, None, None)


def test_objects_are_named_below_the_prefix_and_a_folder_is_one_copy(store: str, bucket: Any) -> None:
    for key, size in {
        "shop/1.dump": 7, "shop/--odd ü.dump": 1, "shop/2/toc.dat": 3, "shop/2/deep/1.dat": 4, "shop/": 0,
        "shop/1.dump.manifest.json": 9, "shop/3.dump.partial": 9, "shopping/4.dump": 9, "5.dump": 9,
    }.items():  # fmt: skip
        bucket.put_object(Key=key, Body=b"x" * size)
    assert listed(store) == listed(store, "s3://backups/shop/") == {"1.dump": 7, "--odd ü.dump": 1, "2": 7}
    assert listed(store, "s3://backups") == {"5.dump": 9, "shop": 33, "shopping": 9}
    assert listed(store, "s3://backups/none") == {}
    (copy, *_) = list_offsite(Offsite(s3="s3://backups/shop", endpoint_url=store), HERE, KEY, SECRET)
    assert abs(copy.at - datetime.now(UTC)) < timedelta(minutes=2)


@pytest.mark.deep
def test_more_objects_than_fit_on_a_page(store: str, bucket: Any) -> None:
    for n in range(10):
        bucket.put_object(Key=f"shop/whole/{n}", Body=b"xy")
    assert listed(store) == {"whole": 20}


def test_a_name_with_a_line_break(store: str) -> None:
    entry = (
        "<Contents><Key>shop/a%0Ab.dump</Key><Size>3</Size><LastModified>2026-11-25T00:00:00Z</LastModified></Contents>"
    )
    head = "<Name>backups</Name><IsTruncated>false</IsTruncated><EncodingType>url</EncodingType>"
    with web_server(200, f"<ListBucketResult>{head}{entry}</ListBucketResult>".encode()) as address:
        assert listed(address) == {"a\nb.dump": 3}


def test_refusals_of_the_server_are_reported(store: str, bucket: Any) -> None:
    assert "There is no bucket elsewhere" in refused(store, "s3://elsewhere/shop")
    iam = boto3.session.Session(KEY, SECRET, region_name="us-east-1").client("iam", endpoint_url=store)
    iam.create_user(UserName="nobody")
    made = iam.create_access_key(UserName="nobody")["AccessKey"]
    pair = (made["AccessKeyId"], made["SecretAccessKey"])
    with authenticated(store):
        denied = refused(store, keys=pair)
        assert denied == "The access key may not list bucket backups: grant it s3:ListBucket" and pair[0] not in denied
        assert "refused the key: correct offsite.access_key" in refused(store)
        assert "refused the key" in refused(store, keys=(pair[0], "wrong"))
    assert listed(store, keys=pair) == {}


@contextmanager
def authenticated(store: str) -> Iterator[None]:
    """The server lets in nobody without a policy."""
    let_in(store, b"0")
    try:
        yield
    finally:
        let_in(store, b"inf")


def let_in(store: str, unknown: bytes) -> None:
    """So many requests of anybody; then moto asks for a policy."""
    headers = {"Content-Type": "text/plain"}
    request = urllib.request.Request(f"{store}/moto-api/reset-auth", data=unknown, headers=headers)
    urllib.request.urlopen(request, timeout=10)


@contextmanager
def web_server(status: int, body: bytes, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """A server that knows nothing of S3."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, b"<html><body>Welcome</body></html>", "does not speak S3"),
        (200, b"Welcome", "does not speak S3"),
        (404, b"<html>nothing here</html>", "does not speak S3"),
        (405, b"", "does not speak S3"),
        (403, b"<Error><Code>AccessDenied</Code></Error>", "may not list"),
        (403, b"<Error><Code>Quota\x1b[31m</Code></Error>", "does not speak S3"),
        (400, b"<Error><Code>Odd</Code></Error>", "refused to list backups: Odd"),
        (500, b"<Error><Code>InternalError</Code></Error>", "refused to list backups: InternalError"),
    ],
)
def test_answers_of_other_servers(status: int, body: bytes, expected: str) -> None:
    with web_server(status, body) as address:
        assert expected in refused(address)


@pytest.mark.deep
def test_a_server_that_is_not_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert f"http://127.0.0.1:{port} cannot be reached" in refused(f"http://127.0.0.1:{port}")
    assert "boto3 does not accept the address" in refused("http://my_store:9000")


def test_a_server_whose_certificate_nobody_trusts() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with web_server(200, b"", context) as address:
        assert "No trusted TLS connection to https://127.0.0.1" in refused(address.replace("http:", "https:"))


def test_a_silent_server_ends_at_its_timeout() -> None:
    started = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        silent = Offsite(s3="s3://backups", endpoint_url=f"http://127.0.0.1:{listener.getsockname()[1]}")
        with pytest.raises(ObservationError, match=r"did not answer within 0\.5 s"):
            list_offsite(silent, HERE, KEY, SECRET, timeout_s=0.5)
    assert time.monotonic() - started < 20


@pytest.mark.deep
def test_without_keys_boto3_finds_its_own(
    store: str, bucket: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    assert "There are no credentials for s3://backups/shop" in refused(store, keys=(None, None))
    bucket.put_object(Key="shop/1.dump", Body=b"x")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    assert listed(store, keys=(None, None)) == {"1.dump": 1}
    monkeypatch.setenv("AWS_PROFILE", "absent")
    assert "cannot be listed (ProfileNotFound)" in refused(store)


def test_without_boto3_the_reason_names_the_extra_to_install() -> None:
    program = (
        "import sys; from pathlib import Path; sys.modules['boto3'] = None\n"
        "from tasks.backups.files.offsite import list_offsite\n"
        "from tasks.backups.settings import Offsite\n"
        "list_offsite(Offsite(s3='s3://backups'), Path('/'), None, None)\n"
    )
    done = run([sys.executable, "-c", program], deadline_s=60, cwd=ROOT)
    assert done.returncode == 1 and b"boto3 is not installed: install opsrounds[s3]" in done.stderr
