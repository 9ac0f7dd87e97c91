"""Encrypted backups: decrypted by the team's own command, and never passed or failed unread."""

import os
import shutil
import stat
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tasks.backups.checks import CONTAINER, MANIFEST
from tasks.backups.drill.decrypt import decrypted
from tasks.backups.drill.folder import PREFIX
from tasks.backups.drill.ladder import check_files, drill
from tasks.backups.drill.workplace import workplace
from tasks.backups.facts import Backup, Drill, DrillStep, DrillVerdict, StepOutcome
from tasks.backups.files.encryption import appears_encrypted
from tasks.backups.files.find import find_backups
from tasks.backups.files.manifest import hashed_files, manifest_of, manifest_path, read_manifest, write_manifest
from tasks.backups.formats.interface import Workplace
from tasks.backups.judge.files import judge_encryption
from tasks.backups.judge.ladder import judge_ladder, judge_steps, verdict_of
from tasks.backups.limits import BackupLimits
from tasks.backups.settings import Backups, Database
from tasks.backups.take.take import take
from tasks.backups.targets import Target
from tasks.check_result import CheckResult, Status
from tasks.deadline import Deadline
from tasks.observation import ObservationError
from tasks.postgres.server import PostgresServer
from tests.deep import rows
from tests.shop_backups import ANYWHERE, entered_by_all
from tests.shop_database import make_shop
from tests.shop_faults import flipped

NOW = datetime(2026, 11, 24, 12, 30, tzinfo=UTC)
PATIENT_S = 120.0
KEY = "correct horse battery"
OPENSSL = ("openssl", "enc", "-aes-256-cbc", "-pbkdf2", "-pass", f"pass:{KEY}")
GPG = ("gpg", "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", KEY)


@dataclass(frozen=True)
class Tool:
    """A program that encrypts, and how it decrypts; its name is also the backup's ending."""

    name: str
    encrypts: tuple[str, ...]
    decrypts: tuple[str, ...]

    def encrypt(self, plain: Path) -> bytes:
        done = subprocess.run(self.encrypts, input=plain.read_bytes(), capture_output=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout


TOOLS = [
    Tool("enc", (*OPENSSL, "-e"), (*OPENSSL, "-d")),
    Tool("gpg", (*GPG, "--symmetric"), (*GPG, "--decrypt")),
    Tool("asc", (*GPG, "--armor", "--symmetric"), (*GPG, "--decrypt")),
]


@dataclass(frozen=True)
class Kept:
    """A backup of a shop, and the folder of its drills."""

    folder: Path
    drills: Path
    live: str

    @property
    def backup(self) -> Backup:
        return find_backups(self.folder, "backups/*")[0]

    def workplace(self, target: Target, stack: ExitStack) -> Workplace:
        backups = Backups(folder=self.drills, isolation="if-possible")
        return workplace(target, backups, Deadline.after(PATIENT_S), stack)

    def target(self, **settings: Any) -> Target:
        return Target("shop", Database(name="shop", pattern="backups/*", **settings), self.folder, self.live)

    def drilled(self, **settings: Any) -> "Drilled":
        target, backups = self.target(**settings), Backups(folder=self.drills, isolation="if-possible")
        found = drill(target, self.backup, backups, NOW, PATIENT_S)
        ladder = judge_ladder(target.subject, found, target.backups, (), BackupLimits(), NOW)
        return Drilled(found, ladder, judge_encryption(target.subject, found.encrypted, target.backups, NOW))

    def left(self) -> list[str]:
        """What drills left behind."""
        return [path.name for path in self.drills.iterdir() if path.name.startswith(PREFIX)]


@dataclass(frozen=True)
class Drilled:
    drill: Drill
    ladder: tuple[CheckResult, ...]
    encryption: CheckResult

    @property
    def verdict(self) -> DrillVerdict:
        return verdict_of(self.ladder)

    @property
    def container(self) -> tuple[Status, str]:
        [result] = [result for result in self.ladder if result.check == CONTAINER.id]
        return result.status, reason_text(result)

    @property
    def not_passed(self) -> dict[str, str]:
        left = (result for result in self.ladder if result.status is not Status.PASS)
        return {result.check.removeprefix("backups."): f"{result.status}: {reason_text(result)}" for result in left}


def reason_text(result: CheckResult) -> str:
    return str(ObservationError(result.reason))


@pytest.fixture(scope="module")
def dumped(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A plain dump with its manifest, and the address of its database."""
    name = f"shop_{uuid.uuid4().hex[:12]}"
    live = f"postgresql://postgres@{postgres.host}:{postgres.port}/{name}"
    folder = tmp_path_factory.mktemp("dumped")
    with psycopg.connect(postgres.dsn, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}".encode())
        with psycopg.connect(live, autocommit=True) as connection:
            make_shop(connection, NOW - timedelta(minutes=1), 1000)
        plain = Target("shop", Database(name="shop", pattern="shop-*.dump", content="whole"), folder, live)
        yield take(plain, NOW, (), PATIENT_S), live
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture(autouse=True)
def gnupg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty keyring; its agent ends with the test."""
    home = tmp_path / "gnupg"
    home.mkdir(mode=0o700)
    monkeypatch.setenv("GNUPGHOME", str(home))
    yield
    if (ends := shutil.which("gpgconf")) is not None:
        subprocess.run([ends, "--kill", "all"], timeout=30, check=False)


@pytest.fixture
def drills() -> Iterator[Path]:
    with entered_by_all() as folder:
        yield folder


@pytest.fixture
def plain(dumped: tuple[Path, str], tmp_path: Path, drills: Path) -> Kept:
    """The dump as it is."""
    dump, live = dumped
    folder = tmp_path / "backups"
    folder.mkdir()
    for path in (dump, manifest_path(dump)):
        shutil.copyfile(path, folder / path.name)
    return Kept(tmp_path, drills, live)


@pytest.fixture
def kept(dumped: tuple[Path, str], tmp_path: Path, drills: Path) -> Kept:
    """The dump encrypted by openssl, with a manifest of the encrypted file."""
    return encrypted(dumped, tmp_path, drills, TOOLS[0])


def encrypted(dumped: tuple[Path, str], folder: Path, drills: Path, tool: Tool) -> Kept:
    if shutil.which(tool.encrypts[0]) is None:
        pytest.skip(f"{tool.encrypts[0]} is not on this machine")
    dump, live = dumped
    file = folder / "backups" / f"{dump.name}.{tool.name}"
    file.parent.mkdir()
    file.write_bytes(tool.encrypt(dump))
    manifest = read_manifest(dump)
    assert manifest is not None
    times = manifest.started_at, manifest.finished_at
    write_manifest(file, manifest_of("shop", hashed_files(file), manifest.tool, times, manifest.contents))
    return Kept(folder, drills, live)


@pytest.mark.parametrize("tool", rows({tool.name: tool for tool in TOOLS}, ("gpg",)))
def test_a_drill_decrypts_it_and_everything_passes(
    dumped: tuple[Path, str], tmp_path: Path, drills: Path, tool: Tool
) -> None:
    kept = encrypted(dumped, tmp_path, drills, tool)
    done = kept.drilled(decrypt=tool.decrypts, encrypted=True, content="whole")
    assert done.not_passed == {"smoke": "SKIPPED: `smoke` is not set in the service file"}
    assert done.verdict is DrillVerdict.PASSED and done.drill.encrypted is True
    assert done.encryption.status is Status.PASS
    # What the manifest has and the drill is stored with is the encrypted file.
    assert done.drill.sha256 == hashed_files(kept.backup.path)[0].sha256
    assert kept.left() == []


def test_without_decrypt_an_encrypted_backup_is_unknown(kept: Kept) -> None:
    done = kept.drilled(encrypted=True)
    assert done.container == (
        Status.UNKNOWN,
        ("The backup is encrypted: set decrypt so that a restore drill can read it"),
    )
    assert done.verdict is DrillVerdict.ERROR and done.drill.encrypted is True
    statuses = {result.check: result.status for result in done.ladder}
    assert statuses.pop(MANIFEST.id) is Status.PASS
    assert set(statuses.values()) <= {Status.UNKNOWN, Status.SKIPPED}
    assert done.encryption.status is Status.PASS
    assert kept.left() == []


def test_a_wrong_key_fails_the_backup(dumped: tuple[Path, str], tmp_path: Path, drills: Path) -> None:
    gpg = TOOLS[1]  # it authenticates; of 256 wrong keys openssl takes one for right, and gives noise
    kept = encrypted(dumped, tmp_path, drills, gpg)
    status, why = kept.drilled(decrypt=tuple(part.replace(KEY, "wrong") for part in gpg.decrypts)).container
    assert status is Status.FAIL
    assert why.startswith("The backup cannot be decrypted (exit status 2): ") and KEY not in why
    assert kept.left() == []


def test_a_truncated_encrypted_backup_fails(dumped: tuple[Path, str], tmp_path: Path, drills: Path) -> None:
    kept = encrypted(dumped, tmp_path, drills, TOOLS[1])
    with kept.backup.path.open("r+b") as file:
        file.truncate(kept.backup.bytes // 2)
    done = kept.drilled(decrypt=TOOLS[1].decrypts)
    assert done.container[0] is Status.FAIL and "cannot be decrypted (exit status 2)" in done.container[1]
    assert done.verdict is DrillVerdict.FAILED
    assert "manifest" in done.not_passed


def test_what_is_decrypted_to_something_else(kept: Kept) -> None:
    for decrypt, words in (
        (("sh", "-c", "cat >/dev/null"), "The file is empty"),
        (("cat",), "The file is not a backup"),
    ):
        done = kept.drilled(decrypt=decrypt)
        assert done.container[0] is Status.FAIL and done.container[1].startswith(words)
        assert done.drill.encrypted is True


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("no-such-age", "-d"), "The decrypt command is not on this machine: no-such-age"),
        (("sh", "-c", "kill -9 $$"), "The decrypt command was ended by signal 9"),
        (("sh", "-c", "echo write: No space left on device >&2; exit 1"), "The disk became full: set [backups] folder"),
    ],
)
def test_what_is_not_the_backups_fault_is_no_verdict(kept: Kept, command: tuple[str, ...], words: str) -> None:
    done = kept.drilled(decrypt=command)
    assert done.container[0] is Status.UNKNOWN and done.container[1].startswith(words)
    assert done.verdict is DrillVerdict.ERROR
    assert kept.left() == []


@pytest.mark.deep
def test_a_command_that_hangs_is_ended_with_the_drill(kept: Kept) -> None:
    target = kept.target(decrypt=("sleep", "600"))
    found = drill(target, kept.backup, Backups(folder=kept.drills, isolation="if-possible"), NOW, 3.0)
    step = found.step(DrillStep.CONTAINER)
    assert step is not None and step.outcome is StepOutcome.ERROR
    assert str(ObservationError(step.reason)) == (
        "The restore drill did not finish in time: raise [backups] deadline_min"
    )
    assert kept.left() == []


def test_a_backup_that_goes_away_meanwhile_is_not_a_missing_command(kept: Kept, tmp_path: Path) -> None:
    backup = kept.backup.path
    target = kept.target(decrypt=("cat",))
    with ExitStack() as stack, pytest.raises(FileNotFoundError) as gone:
        decrypted(_Vanishing(backup), target, kept.workplace(target, stack))
    assert gone.value.errno is not None


class _Vanishing(type(Path())):  # type: ignore[misc]
    """A file that is removed after its size was read and before it is opened."""

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        found: os.stat_result = super().stat(follow_symlinks=follow_symlinks)
        self.unlink()
        return found


@pytest.mark.usefixtures("sandbox")
def test_the_plain_file_is_its_owners_alone(kept: Kept, tmp_path: Path) -> None:
    old, target = os.umask(0), kept.target(decrypt=TOOLS[0].decrypts)
    try:
        with ExitStack() as stack:
            at = kept.workplace(target, stack)
            plain = decrypted(kept.backup.path, target, at)
            assert plain.parent == at.folder and stat.S_IMODE(at.folder.stat().st_mode) == 0o700
            assert stat.S_IMODE(plain.stat().st_mode) == 0o600 and plain.read_bytes().startswith(b"PGDMP")
    finally:
        os.umask(old)
    assert kept.left() == []


def test_few_bytes_that_become_many_are_stopped_on_the_way(kept: Kept) -> None:
    done = kept.drilled(decrypt=("sh", "-c", "exec head -c 900000000 /dev/zero"))
    assert done.container[0] is Status.UNKNOWN and done.verdict is DrillVerdict.ERROR, done.container
    assert "is larger than the 0.3" in done.container[1] and "raise [backups] disk_factor" in done.container[1]
    assert kept.left() == []


@pytest.mark.usefixtures("sandbox")
def test_keys_are_copies_that_the_command_may_write_beside(kept: Kept) -> None:
    keys = kept.folder / "keys"
    keys.mkdir()
    (keys / "secret").write_text(KEY)
    (keys / "secret").chmod(0o600)
    command = ("sh", "-c", f"touch {keys}/lock && openssl enc -aes-256-cbc -pbkdf2 -d -pass file:{keys}/secret")
    assert kept.drilled(decrypt=command).container[0] is Status.FAIL
    assert kept.drilled(decrypt=command, decrypt_access={"files": ["keys"]}).container[0] is Status.PASS
    assert [path.name for path in keys.iterdir()] == ["secret"] and kept.left() == []


@pytest.mark.usefixtures("no_sandbox")
def test_keys_that_the_account_of_the_drill_cannot_read_make_no_bad_backup(kept: Kept) -> None:
    key = kept.folder / "key"
    key.write_text(KEY)
    key.chmod(0o600)
    command = ("openssl", "enc", "-aes-256-cbc", "-pbkdf2", "-d", "-pass", f"file:{key}")
    done = kept.drilled(decrypt=command, decrypt_access={"files": ["key"]})
    if os.geteuid() != 0:
        assert done.container[0] is Status.PASS
        return
    assert done.container == (
        Status.UNKNOWN,
        f"Without a sandbox the account of the restore drill cannot read {key}: let every user read it, or provide a "
        "sandbox",
    )
    assert done.verdict is DrillVerdict.ERROR


def test_the_command_gets_no_secret_of_ours(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_DSN", "postgresql://shop:hush@db/shop")
    done = kept.drilled(decrypt=("sh", "-c", 'cat >/dev/null; echo "ERROR: [${SHOP_DSN-nothing}]" >&2; exit 7'))
    assert done.container[1] == "The backup cannot be decrypted (exit status 7): [nothing]"


@pytest.mark.deep
def test_a_plain_backup_where_encryption_is_demanded(plain: Kept) -> None:
    done = plain.drilled(encrypted=True, decrypt=("false",), content="whole")
    assert done.drill.encrypted is False and done.verdict is DrillVerdict.PASSED
    assert done.encryption.status is Status.FAIL
    assert reason_text(done.encryption) == "The backup is not encrypted: whoever gets the file can read it"


class TestFilesOnly:
    def checked(self, kept: Kept, **settings: Any) -> tuple[Drill, dict[str, CheckResult]]:
        target = kept.target(**settings)
        found = check_files(target, kept.backup, ANYWHERE, NOW, PATIENT_S)
        return found, {result.check: result for result in judge_steps(target.subject, found, NOW)}

    @pytest.mark.parametrize("decrypt", [None, TOOLS[0].decrypts])
    def test_an_encrypted_backup_is_no_false_alarm(self, kept: Kept, decrypt: tuple[str, ...] | None) -> None:
        found, results = self.checked(kept, decrypt=decrypt, encrypted=True)
        assert {check: result.status for check, result in results.items()} == {
            MANIFEST.id: Status.PASS, CONTAINER.id: Status.SKIPPED
        }  # fmt: skip
        assert reason_text(results[CONTAINER.id]) == "The backup is encrypted: only a restore drill reads its contents"
        assert found.encrypted is True

    def test_a_change_is_found_without_the_key(self, kept: Kept) -> None:
        encrypted = kept.backup.path.read_bytes()
        kept.backup.path.write_bytes(flipped(encrypted, len(encrypted) - 1))
        _, results = self.checked(kept)
        assert results[MANIFEST.id].status is Status.FAIL and results[CONTAINER.id].status is Status.SKIPPED

    def test_a_plain_backup_is_read(self, plain: Kept) -> None:
        found, results = self.checked(plain)
        assert {result.status for result in results.values()} == {Status.PASS} and len(results) == 2
        assert found.encrypted is False

    def test_a_file_that_cannot_be_read(self, plain: Kept) -> None:
        backup, target = plain.backup, plain.target()
        backup.path.unlink()
        backup.path.symlink_to(backup.path.name)
        found = check_files(target, backup, ANYWHERE, NOW, PATIENT_S)
        assert found.encrypted is None
        assert {step.outcome for step in found.steps} == {StepOutcome.ERROR} and len(found.steps) == 2


def test_encryption_is_recognised_by_the_first_bytes(tmp_path: Path) -> None:
    folder = tmp_path / "of.files"
    folder.mkdir()
    age = tmp_path / "shop.age"
    age.write_bytes(b"age-encryption.org/v1\n-> X25519 ...\n")
    assert appears_encrypted(age) and not appears_encrypted(folder)
    with pytest.raises(ObservationError, match="cannot be read"):
        appears_encrypted(tmp_path / "nothing")
