"""Every message is translated once, where it is used; none is left over; placeholders are those of the English text."""

import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from reports import catalogues
from reports.catalogues import BadCatalogue, as_po, extracted, known, stored, updated
from reports.words import TRANSLATED, Words, catalogue
from tasks.check_result import placeholders

RUN = "run `python -m reports.catalogues` and translate what it lists"


@pytest.fixture(scope="module")
def source() -> dict[str, set[str]]:
    return extracted(Path(__file__).parents[2])


@pytest.mark.parametrize("locale", TRANSLATED)
def test_catalogues_have_the_messages_of_the_source(source: dict[str, set[str]], root: Path, locale: str) -> None:
    now = places(stored(root, locale))
    needed = places(updated(source, {}, locale))
    assert {english: files for english, files in needed.items() if english not in now} == {}, f"missing: {RUN}"
    assert {english: files for english, files in now.items() if english not in needed} == {}, f"no longer used: {RUN}"
    assert {english: files for english, files in now.items() if len(files) > 1} == {}, f"stands twice: {RUN}"
    assert {english: files for english, files in now.items() if files != needed[english]} == {}, (
        f"used elsewhere: {RUN}"
    )


@pytest.mark.parametrize("locale", TRANSLATED)
def test_an_update_changes_nothing_in_a_file(root: Path, locale: str) -> None:
    changed = [
        file for file, texts in stored(root, locale).items() if as_po(texts, locale) != (root / file).read_bytes()
    ]
    assert changed == [], RUN


def test_no_text_is_hidden_from_the_catalogues(root: Path) -> None:
    sources = [file for part in ("flows", "tasks", "reports", "deployments") for file in (root / part).rglob("*.py")]
    assert [file for file in sources if re.search(r"\bMessage\(\s*f?[\"']", file.read_text())] == []


@pytest.mark.parametrize("locale", TRANSLATED)
def test_everything_is_translated(root: Path, locale: str) -> None:
    assert [(file, english) for file, english, text in every(stored(root, locale)) if not text] == []


@pytest.mark.parametrize("locale", TRANSLATED)
def test_placeholders_are_the_same(root: Path, locale: str) -> None:
    texts = every(stored(root, locale))
    assert [(file, english) for file, english, text in texts if placeholders(text) != placeholders(english)] == []


@pytest.mark.parametrize("locale", TRANSLATED)
def test_reports_load_every_catalogue(root: Path, locale: str) -> None:
    assert catalogue(locale) == known(stored(root, locale))


def test_english_is_the_id_itself() -> None:
    assert catalogue("en") == {}
    assert Words("en", "UTC").tr("At most {n} of {all}", n=1, all=2000) == "At most 1 of 2,000"


def test_a_language_that_is_not_shipped_is_refused() -> None:
    with pytest.raises(FileNotFoundError, match=re.escape("fr.po")):
        catalogue("fr")


class TestUpdate:
    """On a made-up source: `health` and `queues` are systems, `queues` is new."""

    SHARED = "reports/locales/ja.po"

    @pytest.fixture
    def tree(self, root: Path, tmp_path: Path) -> Path:
        shutil.copy(root / "babel.cfg", tmp_path)
        write(tmp_path / "flows" / "nightly.py", "A round", "Used by a flow and a system")
        write(tmp_path / "tasks" / "deadline.py", "No time left")
        write(tmp_path / "tasks" / "health" / "judge.py", "Alive", "Used by two systems", "Used by a flow and a system")
        write(tmp_path / "tasks" / "queues" / "observe.py", "Used by two systems")
        write(tmp_path / "tasks" / "queues" / "judge" / "waiting.py", "{n} jobs wait", "Used twice in a system")
        write(tmp_path / "tasks" / "queues" / "judge" / "age.py", "Used twice in a system")
        return tmp_path

    def test_a_message_stands_where_it_is_used(self, tree: Path) -> None:
        catalogues.main(tree)
        assert {file: set(texts) for file, texts in stored(tree, "ja").items()} == {
            self.SHARED: {"A round", "No time left", "Used by two systems", "Used by a flow and a system"},
            "tasks/health/ja.po": {"Alive"},
            "tasks/queues/ja.po": {"{n} jobs wait", "Used twice in a system"},
        }

    def test_what_is_to_be_translated_is_listed(self, tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
        put(tree, "tasks/health/ja.po", {"Alive": "生存"})
        catalogues.main(tree)
        first, *rest = capsys.readouterr().out.splitlines()
        assert first == "ja: 7 messages in 3 files, 6 to translate"
        assert rest[-2:] == ["tasks/queues/ja.po: Used twice in a system", "tasks/queues/ja.po: {n} jobs wait"]

    def test_a_translation_follows_its_message(self, tree: Path) -> None:
        put(tree, self.SHARED, {"Alive": "生存", "gone from the source": "なし"})
        put(tree, "tasks/health/ja.po", {"Used by two systems": "両方"})
        put(tree, "tasks/queues/judge/ja.po", {"{n} jobs wait": "{n} 件が待機"})
        put(tree, "tasks/gone/ja.po", {"A round": "点検"})
        catalogues.main(tree)
        now = stored(tree, "ja")
        assert set(now) == {self.SHARED, "tasks/health/ja.po", "tasks/queues/ja.po"}
        assert now[self.SHARED] == {
            "A round": "点検",
            "No time left": "",
            "Used by a flow and a system": "",
            "Used by two systems": "両方",
        }
        assert now["tasks/health/ja.po"] == {"Alive": "生存"}
        assert now["tasks/queues/ja.po"]["{n} jobs wait"] == "{n} 件が待機"

    def test_a_second_update_changes_nothing(self, tree: Path) -> None:
        put(tree, "tasks/health/ja.po", {"Alive": "生存", "Used by two systems": "両方"})
        catalogues.main(tree)
        before = {file: (tree / file).read_bytes() for file in stored(tree, "ja")}
        catalogues.main(tree)
        assert {file: (tree / file).read_bytes() for file in stored(tree, "ja")} == before

    def test_moved_code_changes_no_catalogue(self, tree: Path) -> None:
        catalogues.main(tree)
        before = (tree / "tasks/queues/ja.po").read_bytes()
        (tree / "tasks/queues/judge/waiting.py").rename(tree / "tasks/queues/backlog.py")
        catalogues.main(tree)
        assert (tree / "tasks/queues/ja.po").read_bytes() == before

    def test_catalogues_that_disagree_are_named_and_kept(self, tree: Path) -> None:
        put(tree, self.SHARED, {"Alive": "生存"})
        put(tree, "tasks/health/ja.po", {"Alive": "稼働"})
        with pytest.raises(BadCatalogue, match=re.escape(f"{self.SHARED} and tasks/health/ja.po translate")):
            catalogues.main(tree)
        assert stored(tree, "ja")["tasks/health/ja.po"] == {"Alive": "稼働"}

    def test_an_unresolved_merge_is_named(self, tree: Path) -> None:
        put(tree, self.SHARED, {"A round": "点検"})
        with (tree / self.SHARED).open("a", encoding="utf-8") as file:
            file.write("<<<<<<< ours\n")
        with pytest.raises(BadCatalogue, match=re.escape(f"{self.SHARED}: ")):
            catalogues.main(tree)

    def test_an_empty_text_is_no_disagreement(self, tree: Path) -> None:
        put(tree, self.SHARED, {"Alive": ""})
        put(tree, "tasks/health/ja.po", {"Alive": "稼働"})
        catalogues.main(tree)
        assert stored(tree, "ja")["tasks/health/ja.po"] == {"Alive": "稼働"}


def write(path: Path, *messages: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f'msg("{message}")\n' for message in messages), encoding="utf-8")


def put(tree: Path, file: str, texts: Mapping[str, str]) -> None:
    (tree / file).parent.mkdir(parents=True, exist_ok=True)
    (tree / file).write_bytes(as_po(texts, "ja"))


def every(files: Mapping[str, Mapping[str, str]]) -> list[tuple[str, str, str]]:
    return [(file, english, text) for file, texts in files.items() for english, text in texts.items()]


def places(files: Mapping[str, Mapping[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for file, english, _ in every(files):
        found.setdefault(english, []).append(file)
    return found
