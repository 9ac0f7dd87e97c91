"""Every format says the same, in both languages: golden files, numbers, and what is not measured."""

import os
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from rich.cells import cell_len
from rich.console import Console

from reports import artifacts, html, mail
from reports.localise import view
from reports.report import Report, Seal
from reports.terminal import terminal
from reports.text import MOST_TABLES, WIDTH, plain, wrapped
from reports.words import Words
from tasks.check_result import Limit, Quantity, Status, verbatim

Say = Callable[[str], Words]
Sealed = Callable[[Report], Seal]
GOLDEN = Path(__file__).parent / "golden"


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def text_of(page: str) -> str:
    parser = _Text()
    parser.feed(re.sub(r"<style>.*?</style>|<script>.*?</script>", "", page, flags=re.DOTALL))
    return " ".join(" ".join(parser.words).split())


def mailed(report: Report, seal: Seal, words: Words, kind: str) -> str:
    message = mail.render_mail(report, seal, words, sender="ops@example.com", recipient="a@example.com", base_url=None)
    body = message.get_body((kind,))
    assert body is not None
    return str(body.get_content())


def texts(report: Report, seal: Seal, words: Words) -> dict[str, str]:
    console = Console(file=StringIO(), width=200, color_system=None)
    console.print(terminal(report, seal, words))
    assert isinstance(console.file, StringIO)
    return {
        "text": plain(report, seal, words),
        "mail text": mailed(report, seal, words, "plain"),
        "terminal": console.file.getvalue(),
    }


def formats(report: Report, seal: Seal, words: Words) -> dict[str, str]:
    return texts(report, seal, words) | {
        "page": text_of(html.page(report, seal, words, links=html.PageLinks())),
        "mail html": text_of(mailed(report, seal, words, "html")),
        "markdown": text_of(MarkdownIt().enable("table").render(artifacts.markdown(report, seal, words))),
    }


def golden(name: str, text: str) -> None:
    path = GOLDEN / name
    if os.environ.get("UPDATE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8"), f"{path.name} differs; UPDATE_GOLDEN=1 rewrites it"


@pytest.mark.parametrize("locale", ["ja", "en"])
def test_golden_texts(bad_day: Report, good_day: Report, seal: Sealed, words: Say, locale: str) -> None:
    for name, report in (("bad", bad_day), ("good", good_day)):
        golden(f"{name}.{locale}.txt", plain(report, seal(report), words(locale)))
        markdown = artifacts.markdown(report, seal(report), words(locale))
        golden(f"{name}.{locale}.md", re.sub(r"\(data:image/png;base64,[^)]*\)", "(chart)", markdown))


@pytest.mark.parametrize("locale", ["ja", "en"])
def test_golden_mail(bad_day: Report, seal: Sealed, words: Say, locale: str) -> None:
    message = mail.render_mail(
        bad_day,
        seal(bad_day),
        words(locale),
        sender="opsrounds <ops@example.com>",
        recipient="sato@example.com",
        base_url="https://ops.example.com/reports/",
    )
    head = "".join(f"{name}: {value}\n" for name, value in message.items() if not name.startswith("Content-Type"))
    text = message.get_body(("plain",))
    assert text is not None
    golden(f"mail.{locale}.txt", f"{head}\n{text.get_content()}".replace("\r\n", "\n"))


@pytest.mark.parametrize("locale", ["ja", pytest.param("en", marks=pytest.mark.deep)])
def test_the_same_figures_stand_in_every_format(bad_day: Report, seal: Sealed, words: Say, locale: str) -> None:
    sealed = seal(bad_day)
    v = view(bad_day, sealed, words(locale))
    everywhere = [v.sentence, v.chained, v.period, v.zone, v.started, v.finished, v.sequence, v.tone.word, v.flow_name]
    everywhere += [c.text for c in v.counts]
    everywhere += [part for r in (*v.failed, *v.warned) for part in (r.title, r.subject, r.observed, r.limit, r.reason)]
    everywhere += [part for r in (*v.unknown, *v.skipped) for part in (r.title, r.reason)]
    everywhere += [v.covered, *(action.checks for action in v.actions)]
    everywhere += [part for action in v.actions for other in action.others for part in (other.title, other.subject)]
    everywhere += [part for line in v.lines for part in (line.text, line.reason)]
    for name, shown in formats(bad_day, sealed, words(locale)).items():
        flat = "".join(shown.split())
        missing = [wanted for wanted in everywhere if "".join(wanted.split()) not in flat]
        assert not missing, f"{name} lacks {missing}"


@pytest.mark.deep
def test_both_languages_have_the_same_figures(bad_day: Report, seal: Sealed, words: Say) -> None:
    japanese, english = (formats(bad_day, seal(bad_day), words(locale)) for locale in ("ja", "en"))
    for name in japanese:
        numbers = [sorted(re.findall(r"\d[\d,.:-]*\d|\d", texts[name])) for texts in (japanese, english)]
        assert numbers[0] == numbers[1], name


def test_what_was_not_measured_is_no_zero(bad_day: Report, seal: Sealed, words: Say) -> None:
    v = view(bad_day, seal(bad_day), words("en"))
    assert v.kpis[3].figure == "–"
    assert {r.observed for r in (*v.unknown, *v.skipped)} == {"–"}
    assert not any(re.search(r"Conversion\W+0", text) for text in formats(bad_day, seal(bad_day), words("en")).values())


@pytest.mark.parametrize("locale", ["ja", "en"])
def test_a_count_is_the_number_of_rows_with_its_word(
    bad_day: Report, good_day: Report, seal: Sealed, words: Say, locale: str
) -> None:
    for full in (bad_day, good_day):
        report = replace(full, results=tuple(replace(r, evidence=()) for r in full.results))  # charts take long
        v = view(report, seal(report), words(locale))
        shown = formats(report, seal(report), words(locale))
        page = html.page(report, seal(report), words(locale), links=html.PageLinks())
        rows = re.findall(
            r'<details class="result".*?class="pill \w+"><span[^>]*>.</span>(.*?)</span>', page, re.DOTALL
        )
        for count, listed in zip(v.counts, (v.failed, v.warned, v.unknown, v.skipped), strict=False):
            word = count.tone.word
            assert count.number == len(listed) == rows.count(word), word
            if count.tone.name not in ("unknown", "skipped"):
                continue
            for name in ("text", "mail text", "mail html", "markdown"):
                heads = re.findall(rf"{word} \((\d+)\)", shown[name])
                assert heads == ([str(count.number)] if count.number or name != "markdown" else []), (name, word)


def test_changes_since_the_last_round(bad_day: Report, seal: Sealed, words: Say) -> None:
    v = view(bad_day, seal(bad_day), words("en"))
    assert "1 newly failing, 1 resolved, 1 still failing" in v.since
    assert [(r.check, r.fresh) for r in v.failed] == [("health.latency", False), ("logs.error-rate", True)]


def test_every_result_has_one_place(bad_day: Report, seal: Sealed, words: Say) -> None:
    v = view(bad_day, seal(bad_day), words("en"))
    placed = [r.anchor for line in v.lines for r in line.results] + [r.anchor for r in v.others]
    assert sorted(placed) == sorted(f"result-{n}" for n in range(1, len(bad_day.results) + 1))
    page = html.page(bad_day, seal(bad_day), words("en"), links=html.PageLinks())
    ids, targets = re.findall(r'id="([^"]+)"', page), re.findall(r'href="#([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(targets) <= set(ids)


def test_what_is_drawn_stands_above_the_tables(bad_day: Report, seal: Sealed, words: Say) -> None:
    error = next(r for r in bad_day.results if r.check == "logs.error-rate")
    chart = next(r for r in bad_day.results if r.check == "health.latency").evidence
    report = replace(bad_day, results=(replace(error, evidence=(*error.evidence, *chart)),))
    (result,) = view(report, seal(report), words("en")).failed
    assert [piece.kind for piece in result.evidence] == ["chart", "table", "excerpt"]


def test_table_artifact_has_a_row_for_every_result(bad_day: Report, words: Say) -> None:
    rows = artifacts.table(bad_day, words("en"))
    assert len(rows) == len(bad_day.results)
    assert {frozenset(row) for row in rows} == {
        frozenset({"Status", "Check", "Subject", "Observed", "Limit", "Reason"})
    }


@pytest.mark.parametrize(
    ("value", "limit", "expected"),
    [(100.0004, 100, "100.0004 ms"), (100, 100, "100 ms"), (0.00041, 1, "0.00041 ms"), (1234.5, 1, "1,234.5 ms")],
)
def test_a_figure_is_not_rounded_to_its_limit(words: Say, value: float, limit: float, expected: str) -> None:
    wanted = Limit("≤", limit, "ms", verbatim("guide"))
    assert words("en").observed(Quantity(value, "ms"), wanted) == expected


@pytest.mark.parametrize("text", ["日本語の長い文章。" * 30, "word " * 60, "x" * 300, "混在 text と、日本語。" * 20])
def test_text_keeps_its_width(text: str) -> None:
    lines = list(wrapped(text, "- ", "  "))
    assert max(cell_len(line.rstrip()) for line in lines) <= WIDTH
    assert "".join("".join(lines).split())[1:] == "".join(text.split())
    assert not any(line.strip().startswith(("。", "、")) for line in lines)


@pytest.mark.deep
def test_after_enough_charts_the_figures_come_as_tables(many_failures: Report, seal: Sealed, words: Say) -> None:
    page = html.page(many_failures, seal(many_failures), words("ja"), links=html.PageLinks())
    assert page.count("<img") == html.MOST_CHARTS
    assert page.count('<td class="figure">61.25 ms</td>') == 500 - html.MOST_CHARTS
    assert len(page) < 4_000_000


def curves_only(report: Report, number: int) -> Report:
    """The warning with the curve, so often."""
    (warned,) = (r for r in report.results if r.status is Status.WARN)
    return replace(report, results=tuple(replace(warned, subject=f"host:/var/{n}") for n in range(number)), actions=())


@pytest.mark.parametrize("locale", ["ja", pytest.param("en", marks=pytest.mark.deep)])
def test_a_curve_is_in_every_format(bad_day: Report, seal: Sealed, words: Say, locale: str) -> None:
    report = curves_only(bad_day, 1)
    found = formats(report, seal(report), words(locale))
    finding = "/var lost half of its room in a week and has less than 20 % left"
    for name in ("text", "mail text", "terminal"):
        flat = " ".join(found[name].split())
        assert "Room left on /var" in flat
        assert finding in flat
        assert flat.count("2026-11-20 09:00 31.25 % 30 %") == 1, name
        assert "2026-11-21 09:00 – 27 %" in flat
    page = html.page(report, seal(report), words(locale), links=html.PageLinks())
    assert re.search(rf'<img src="data:image/png;base64,[^"]+" alt="{finding}">', page)
    markdown = artifacts.markdown(report, seal(report), words(locale))
    assert f"![{artifacts.escaped(finding)}](data:image/png;base64," in markdown


@pytest.mark.deep
def test_after_enough_charts_curves_come_as_tables(
    bad_day: Report, seal: Sealed, words: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(html, "MOST_CHARTS", 4)
    report = curves_only(bad_day, html.MOST_CHARTS + 3)
    page = html.page(report, seal(report), words("ja"), links=html.PageLinks())
    assert page.count("<img") == html.MOST_CHARTS
    assert page.count('<td class="figure">31.25 %</td>') == 3


def test_many_curves_leave_a_text_readable(bad_day: Report, seal: Sealed, words: Say) -> None:
    report = curves_only(bad_day, 30)
    found = texts(report, seal(report), words("ja"))
    for name in ("text", "mail text", "terminal"):
        assert found[name].count("31.25 %") == MOST_TABLES, name
