"""The archive: whole folders or none, written once, and an index that survives a broken report."""

import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import mkdtemp

import pytest

from reports import archive, mail
from reports.folders import ArchiveError, folder_lock, slug, write_folder
from reports.report import Previous, Report, Seal, from_text
from reports.words import Words
from tasks.guide.judge import Verdict

Sealed = Callable[[Report], Seal]
BOTH = ("ja", "en")


def write(report: Report, seal: Seal, output: Path, locales: tuple[str, ...] = BOTH) -> Path:
    words = Words(locales[0], report.timezone)
    message = mail.render_mail(report, seal, words, sender="a@example.com", recipient="b@example.com", base_url=None)
    return archive.write(report, seal, output, locales=locales, mail=message)


@contextmanager
def files_end_at(size: int) -> Iterator[None]:
    """As on a full disk, the kernel refuses the bytes after `size`."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_folder_has_every_file(bad_day: Report, seal: Sealed, tmp_path: Path) -> None:
    folder = write(bad_day, seal(bad_day), tmp_path)
    assert folder == tmp_path / "shop" / "daily-checklist" / "2026-11-24" / "r1"
    assert {path.name for path in folder.iterdir()} == {
        "report.html",
        "report.en.html",
        "report.txt",
        "report.json",
        "report.eml",
    }
    assert '<html lang="ja">' in (folder / "report.html").read_text()
    assert from_text((folder / "report.json").read_text()) == bad_day
    assert [path.name for path in folder.parent.iterdir()] == ["r1"]


def test_a_written_folder_stays_as_it_is(good_day: Report, seal: Sealed, tmp_path: Path) -> None:
    folder = write(good_day, seal(good_day), tmp_path)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    other = replace(good_day, results=good_day.results[1:])
    assert write(other, seal(other), tmp_path) == folder
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_write_that_fails_half_way_leaves_nothing(good_day: Report, seal: Sealed, tmp_path: Path) -> None:
    with files_end_at(4000), pytest.raises(ArchiveError, match=r"is full.*free some space") as caught:
        write(good_day, seal(good_day), tmp_path)
    assert caught.value.path.name == "r1"
    assert list((tmp_path / "shop" / "daily-checklist" / "2026-11-24").iterdir()) == []


def test_a_killed_writer_leaves_no_folder_and_is_swept_up(
    good_day: Report, seal: Sealed, tmp_path: Path, root: Path
) -> None:
    # The kernel kills the writer at its 3,000th byte.
    script = (
        "import resource, signal; from pathlib import Path; from reports.folders import write_folder\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_DFL)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000)); resource.setrlimit(resource.RLIMIT_CORE, (0, 0))\n"
        f"write_folder(Path({str(tmp_path)!r}) / 'shop/daily-checklist/2026-11-24/r1', {{'a': b'x', 'b': b'x' * 9000}})"
    )
    assert subprocess.run([sys.executable, "-c", script], cwd=root, check=False).returncode == -signal.SIGXFSZ
    (left,) = (tmp_path / "shop" / "daily-checklist" / "2026-11-24").iterdir()
    assert left.name.startswith(".r1.")
    write(good_day, seal(good_day), tmp_path)
    assert left.exists()
    old = time.time() - 3700
    os.utime(left, (old, old))
    write(replace(good_day, revision=2), seal(good_day), tmp_path)
    assert sorted(path.name for path in left.parent.iterdir()) == ["r1", "r2"]


def test_a_leftover_of_another_user_stops_nothing(good_day: Report, seal: Sealed) -> None:
    output = Path(mkdtemp())  # a folder of pytest's is not open to others
    kept = output / "shop" / "daily-checklist" / "2026-11-23"
    kept.mkdir(parents=True)
    left = kept / ".r1.0123456789ab.tmp"
    left.write_text("")
    os.utime(left, (0, 0))
    for folder in (output, kept.parent.parent, kept.parent):
        folder.chmod(0o777)
    kept.chmod(0o555)
    if os.geteuid() == 0:
        os.seteuid(65534)  # the superuser may remove everything
    try:
        assert write(good_day, seal(good_day), output).is_dir()
    finally:
        if os.getuid() == 0:
            os.seteuid(0)
        left_there = left.exists()
        kept.chmod(0o755)
        shutil.rmtree(output)
    assert left_there


def test_of_writers_of_one_report_the_first_is_kept_and_none_fails(tmp_path: Path) -> None:
    start, folder = threading.Barrier(4), tmp_path / "shop" / "r1"

    def write_one(number: int) -> None:
        start.wait()
        write_folder(folder, {"a": bytes([number]) * 9000, "b": bytes([number]) * 9000})

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(write_one, range(4))) == [None] * 4
    assert len({path.read_bytes() for path in folder.iterdir()}) == 1 and len(list(folder.iterdir())) == 2
    assert list(folder.parent.iterdir()) == [folder]


def test_of_two_writers_of_the_index_none_forgets_the_others_report(
    good_day: Report, seal: Sealed, tmp_path: Path
) -> None:
    write(good_day, seal(good_day), tmp_path)
    with ThreadPoolExecutor() as pool:
        with folder_lock(tmp_path):  # as the first writer is, between its look and its last file
            write(replace(good_day, period="2026-11-25"), seal(good_day), tmp_path)
            second = pool.submit(archive.write_index, tmp_path, BOTH)
            with pytest.raises(FutureTimeout):
                second.result(timeout=0.3)
        second.result(timeout=60)
    assert "2026-11-25/r1/report.html" in (tmp_path / "shop" / "daily-checklist" / "latest.html").read_text()


def test_a_writer_that_is_stopped_holds_up_nobody_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reports.folders._WAIT_S", 0.2)
    with (
        folder_lock(tmp_path),
        pytest.raises(ArchiveError, match="for a minute: see whether it is stopped"),
    ):
        archive.write_index(tmp_path, BOTH)
    archive.write_index(tmp_path, BOTH)


def test_a_read_only_folder_says_what_to_do(good_day: Report, seal: Sealed, tmp_path: Path) -> None:
    output = tmp_path / "reports"
    output.mkdir(mode=0o555)
    if os.geteuid() == 0:
        os.seteuid(65534)  # the superuser may write everywhere
    try:
        with pytest.raises(ArchiveError, match=r"Cannot write to.*\[reports\] output"):
            write(good_day, seal(good_day), output)
    finally:
        if os.getuid() == 0:
            os.seteuid(0)


def test_an_output_that_is_a_file(good_day: Report, seal: Sealed, tmp_path: Path) -> None:
    output = tmp_path / "reports"
    output.write_text("")
    with pytest.raises(ArchiveError, match=r"change \[reports\] output"):
        write(good_day, seal(good_day), output)


@pytest.mark.parametrize("part", ["..", "a/b", "", ".hidden", "a\n", "ü", "a" * 101])
def test_a_name_that_leads_elsewhere_is_refused(good_day: Report, seal: Sealed, tmp_path: Path, part: str) -> None:
    with pytest.raises(ValueError, match="archive folder"):
        slug(part)
    with pytest.raises(ValueError, match="archive folder"):
        write(replace(good_day, period=part), seal(good_day), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_index_lists_all_and_names_the_unreadable(
    bad_day: Report, good_day: Report, seal: Sealed, tmp_path: Path
) -> None:
    write(bad_day, seal(bad_day), tmp_path)
    write(replace(good_day, period="2026-11-25"), seal(good_day), tmp_path)
    broken = write(replace(good_day, period="2026-11-23"), seal(good_day), tmp_path) / "report.json"
    broken.write_text(broken.read_text()[:500])
    moved = tmp_path / "shop" / "daily-checklist" / "2026-11-22" / "r1"
    moved.mkdir(parents=True)
    (moved / "report.json").write_text((tmp_path / "shop/daily-checklist/2026-11-24/r1/report.json").read_text())
    archive.write_index(tmp_path, BOTH)
    page = (tmp_path / "index.en.html").read_text()
    assert page.count("<tr data-flow") == 4
    assert page.count("Unreadable") >= 2
    for href in re.findall(r'href="([^"#:]+)"', page):
        assert (tmp_path / href).is_file(), href
    assert "異常あり" in (tmp_path / "index.html").read_text()
    latest = (tmp_path / "shop" / "daily-checklist" / "latest.html").read_text()
    assert "url=2026-11-25/r1/report.html" in latest
    assert not list(tmp_path.glob("**/.*"))


def test_the_links_of_a_page_lead_to_files(bad_day: Report, good_day: Report, seal: Sealed, tmp_path: Path) -> None:
    write(replace(good_day, period="2026-11-23"), seal(good_day), tmp_path)
    before = Previous("2026-11-23", 1, Verdict.PASSED, ())
    folder = write(replace(bad_day, previous=before), seal(bad_day), tmp_path)
    archive.write_index(tmp_path, BOTH)
    for name in ("report.html", "report.en.html"):
        hrefs = re.findall(r'href="([^"#:]+)"', (folder / name).read_text())
        assert any("2026-11-23" in href for href in hrefs)
        assert len(hrefs) >= 4
        for href in hrefs:
            assert (folder / href).resolve().is_file(), href


def test_reports_of_both_languages_are_reached_after_the_main_one_changed(
    good_day: Report, seal: Sealed, tmp_path: Path
) -> None:
    write(good_day, seal(good_day), tmp_path, ("ja", "en"))
    archive.write_index(tmp_path, ("ja", "en"))
    write(replace(good_day, revision=2), seal(good_day), tmp_path, ("en", "ja"))
    archive.write_index(tmp_path, ("en", "ja"))
    folder = "shop/daily-checklist/2026-11-24"
    pages = {name: (tmp_path / name).read_text() for name in ("index.html", "index.ja.html", "index.en.html")}
    for name, first, second in (("index.html", "report.en", "report"), ("index.ja.html", "report", "report.ja")):
        assert f'href="{folder}/r1/{first}.html"' in pages[name]
        assert f'href="{folder}/r2/{second}.html"' in pages[name]
    assert pages["index.en.html"] == pages["index.html"]  # where the English page of r1 leads


def test_old_reports_of_a_service_are_removed_and_the_newest_of_each_flow_stays(
    good_day: Report, seal: Sealed, tmp_path: Path
) -> None:
    now = good_day.finished_at
    for name, flow, days in (("a", "daily", 99), ("b", "daily", 9), ("c", "weekly", 99), ("d", "weekly", 200)):
        report = replace(good_day, flow=flow, period=f"2026-{name}", finished_at=now - timedelta(days=days))
        write(report, seal(report), tmp_path)
    newest = replace(good_day, service="bar", finished_at=now - timedelta(days=99))
    write(newest, seal(newest), tmp_path)
    (tmp_path / "shop" / "daily" / "2026-z" / "r1").mkdir(parents=True)  # unreadable: nobody knows how old it is
    (tmp_path / "shop" / "daily" / "2026-z" / "r1" / "report.json").write_text("{")
    assert archive.remove_older(tmp_path, "shop", now - timedelta(days=45), BOTH) == 2
    assert archive.remove_older(tmp_path, "bar", now - timedelta(days=45), BOTH) == 0
    left = sorted("/".join(path.parts[-4:-2]) for path in tmp_path.glob("*/*/*/r*/report.json"))
    assert left == ["daily-checklist/2026-11-24", "daily/2026-b", "daily/2026-z", "weekly/2026-d"]
    assert not list(tmp_path.glob("**/.*"))


def test_an_empty_archive_has_an_index(tmp_path: Path) -> None:
    archive.write_index(tmp_path, BOTH)
    assert "No report has been written yet." in (tmp_path / "index.en.html").read_text()
