"""Ladders: the same steps as picture and as rows, small, repeatable, and readable without colour."""

import io
import re
from collections.abc import Callable
from dataclasses import replace
from io import StringIO

import pytest
from PIL import Image
from rich.cells import cell_len
from rich.console import Console

from reports import artifacts, html, mail
from reports.charts.drawing import fitted, width
from reports.charts.ladders import MOST_STEPS
from reports.charts.png import png
from reports.evidence import evidence_view
from reports.report import OWN_WORDS, Report, Seal, from_text, to_data
from reports.terminal import terminal
from reports.text import WIDTH, plain
from reports.tones import status_tone
from reports.words import Words
from tasks import secrets
from tasks.canonical import canonical
from tasks.check_result import Ladder, LadderStep, Status, msg, verbatim

Say = Callable[[str], Words]
Sealed = Callable[[Report], Seal]
FINDING = "the drill stopped at step 2 of 3: order_items is missing"
LONG = "<script>alert(1)</script> $\\frac{1}{0}$ \u202e\x00\r\n😀 復元したコピーの最新行 " * 40
JAPANESE = "復元したコピーの最新行"


def step(status: Status, seconds: float | None = 1.5, name: str = JAPANESE, note: str = "一致") -> LadderStep:
    return LadderStep(verbatim(name), status, seconds, verbatim(note))


def ladder(*steps: LadderStep) -> Ladder:
    return Ladder(verbatim("Steps of the drill"), verbatim(FINDING), steps)


def climbed(steps: int, passed: int) -> Ladder:
    """The first steps pass, the next one fails, and the rest is not reached."""
    failed = [step(Status.FAIL)] if passed < steps else []
    rest = [step(Status.UNKNOWN, None, note="not reached")] * (steps - passed - 1)
    return ladder(*[step(Status.PASS)] * passed, *failed, *rest)


DRILL = ladder(
    step(Status.PASS, 94.6, "Dump restored", "412 MB"),
    step(Status.FAIL, 0.0625, "Tables", "47 of 48"),
    step(Status.UNKNOWN, None, JAPANESE, "not reached"),
)


def with_drill(report: Report, *pieces: Ladder) -> Report:
    """The warning with ladders as its evidence, and nothing else."""
    (warned,) = (r for r in report.results if r.status is Status.WARN)
    return replace(report, results=(replace(warned, evidence=pieces),), actions=())


def picture(drawn: Ladder, words: Words) -> Image.Image:
    with Image.open(io.BytesIO(png(drawn, words))) as image:
        return image.convert("L")


def printed(report: Report, seal: Seal, words: Words) -> str:
    console = Console(file=StringIO(), width=200, color_system=None)
    console.print(terminal(report, seal, words))
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("locale", ["ja", "en"])
@pytest.mark.parametrize(
    ("steps", "passed"),
    [
        (0, 0),
        (12, 6),
        *(pytest.param(*row, marks=pytest.mark.deep) for row in ((1, 1), (1, 0), (14, 14), (14, 0), (40, 20))),
    ],
)
def test_same_steps_same_small_bytes(words: Say, locale: str, steps: int, passed: int) -> None:
    drawn = climbed(steps, passed)
    image = png(drawn, words(locale))
    assert image == png(drawn, words(locale))
    assert len(image) < 100_000


def test_ground_is_opaque_and_no_date_is_in_it(words: Say) -> None:
    with Image.open(io.BytesIO(png(DRILL, words("ja")))) as image:
        assert "transparency" not in image.info
        assert "A" not in image.getbands()
        assert set(image.info) <= {"dpi"}


@pytest.mark.deep
def test_a_picture_grows_with_its_steps_up_to_the_most(words: Say) -> None:
    heights = [picture(climbed(n, n), words("ja")).height for n in (1, 2, MOST_STEPS, MOST_STEPS + 1)]
    assert heights[0] < heights[1] < heights[2] == heights[3]
    assert picture(climbed(MOST_STEPS, 14), words("en")) != picture(climbed(MOST_STEPS + 1, 15), words("en"))


@pytest.mark.parametrize(
    "changed",
    [
        step(Status.PASS, name="別の段階"),
        step(Status.PASS, note="不一致"),
        step(Status.PASS, 2.5),
        step(Status.PASS, None),
        *(step(status) for status in Status if status is not Status.PASS),
    ],
)
def test_whatever_a_row_says_is_drawn(words: Say, changed: LadderStep) -> None:
    """In grey too: a status is known by its symbol and word."""
    before, after = ladder(step(Status.PASS)), ladder(changed)
    for locale in ("ja", "en"):
        assert evidence_view(before, words(locale)).rows != evidence_view(after, words(locale)).rows
        assert picture(before, words(locale)).point(dark) != picture(after, words(locale)).point(dark)


def dark(lightness: int) -> int:
    """Ink on paper, without what a tint tells."""
    return 255 if lightness > 128 else 0


@pytest.mark.parametrize("locale", ["ja", "en"])
def test_rows_are_the_steps(words: Say, locale: str) -> None:
    view = evidence_view(DRILL, words(locale))
    passed, failed, unknown = (status_tone(s, words(locale)) for s in (Status.PASS, Status.FAIL, Status.UNKNOWN))
    assert view.rows == (
        ("Dump restored", f"✓ {passed.word}", "94.6 s", "412 MB"),
        ("Tables", f"✕ {failed.word}", "0.0625 s", "47 of 48"),
        (JAPANESE, f"? {unknown.word}", "", "not reached"),
    )
    assert (len(view.columns), view.figures) == (4, (False, False, True, False))
    assert (view.chart, view.finding) == (DRILL, FINDING)


def test_what_was_not_reached_is_hollow(words: Say) -> None:
    """Between name and word a stair shows its ground: a tint, or the paper."""
    grounds = []
    for status in (Status.PASS, Status.FAIL, Status.UNKNOWN, Status.SKIPPED):
        image = picture(ladder(step(status, None)), words("en"))
        grounds.append(image.getpixel((round(image.width * 0.7), image.height // 2)))
    assert max(grounds[:2]) < 250  # type: ignore[type-var, operator]
    assert grounds[2:] == [255, 255]


@pytest.mark.parametrize("steps", [1, pytest.param(MOST_STEPS, marks=pytest.mark.deep)])
def test_names_keep_clear_of_the_status(words: Say, steps: int) -> None:
    for text in (LONG, "W" * 400, JAPANESE * 30):
        drawn = ladder(*[step(Status.UNKNOWN, 12345.678, text, text)] * steps)
        image = picture(drawn, words("en"))
        right = image.width - round(144 * (0.15 + max(width("Unknown", 9.5), width("12,345.678 s", 8.5))))
        assert min(image.crop((right - 12, 20, right - 2, image.height - 20)).tobytes()) > 200, text[:9]


def test_a_label_is_cut_to_its_room_and_no_shorter() -> None:
    assert fitted(JAPANESE, 2.0, 9.5) == JAPANESE
    assert fitted("", 2.0, 9.5) == ""
    for text in (LONG, "W" * 400, "i" * 400, JAPANESE * 30):
        cut = fitted(text, 2.0, 9.5)
        assert "…" in cut
        assert 1.7 < width(cut, 9.5) <= 2.0, cut


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("locale", ["ja", pytest.param("en", marks=pytest.mark.deep)])
def test_hostile_text_is_inert(bad_day: Report, seal: Sealed, words: Say, locale: str) -> None:
    evil = Ladder(verbatim(LONG), verbatim(LONG), (step(Status.FAIL, 1.0, LONG, LONG),) * 3)
    report = with_drill(bad_day, evil)
    assert len(png(evil, words(locale))) < 100_000
    page = html.page(report, seal(report), words(locale), links=html.PageLinks())
    text = plain(report, seal(report), words(locale))
    for shown in (page, text, printed(report, seal(report), words(locale))):
        assert not {"\u202e", "\x00", "\r"} & set(shown)
    assert "<script" not in page
    assert max(cell_len(line) for line in text.splitlines()) <= WIDTH


@pytest.mark.parametrize("locale", ["ja", "en"])
def test_a_ladder_is_in_every_format(bad_day: Report, seal: Sealed, words: Say, locale: str) -> None:
    report = with_drill(bad_day, DRILL)
    sealed, say = seal(report), words(locale)
    message = mail.render_mail(report, sealed, say, sender="ops@example.com", recipient="a@example.com", base_url=None)
    bodies = [message.get_body((kind,)) for kind in ("plain", "html")]
    mail_text, mail_html = (body.get_content() for body in bodies if body)
    failed, unknown = (status_tone(status, say).word for status in (Status.FAIL, Status.UNKNOWN))
    for text in (plain(report, sealed, say), mail_text, printed(report, sealed, say)):
        flat = " ".join(text.split())
        assert FINDING in flat
        assert f"Tables ✕ {failed} 0.0625 s 47 of 48" in flat
        assert f"{JAPANESE} ? {unknown} not reached" in flat
    page = html.page(report, sealed, say, links=html.PageLinks())
    assert re.search(rf'<img src="data:image/png;base64,[^"]+" alt="{FINDING}">', page)
    (image,) = re.findall(r"<img [^>]*>", mail_html)
    assert f'alt="{FINDING}"' in image
    assert 'src="cid:chart1@opsrounds"' in image
    assert [part.get_filename() for part in message.walk() if part.get_content_type() == "image/png"] == ["chart1.png"]
    assert f"![{artifacts.escaped(FINDING)}](data:image/png;base64," in artifacts.markdown(report, sealed, say)


@pytest.mark.deep
def test_after_enough_charts_ladders_come_as_tables(
    bad_day: Report, seal: Sealed, words: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(html, "MOST_CHARTS", 4)
    report = with_drill(bad_day, *[DRILL] * (html.MOST_CHARTS + 2))
    page = html.page(report, seal(report), words("en"), links=html.PageLinks())
    assert page.count("<img") == html.MOST_CHARTS
    assert page.count("<td>✕ Failed</td>") == page.count('<td class="figure">94.6 s</td>') == 2


@pytest.mark.parametrize("width_of", [1, 300])
def test_rows_keep_their_columns_beside_a_long_note(bad_day: Report, seal: Sealed, words: Say, width_of: int) -> None:
    first = step(Status.PASS, 2.0, "Dump restored", "x" * width_of)
    report = with_drill(bad_day, ladder(first, step(Status.PASS, 3.0, "Tables", "48 of 48")))
    lines = plain(report, seal(report), words("en")).splitlines()
    assert "  Tables         ✓ Passed   3 s  48 of 48" in lines


def test_it_is_read_as_it_was_written_even_where_a_secret_reads_like_a_word_of_ours(
    bad_day: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secrets, "_resolved", {"FAIL", "ladder", "S3cret-word"})
    named = Ladder(
        msg("t"), verbatim("by S3cret-word"), (step(Status.FAIL, 2, "ladder", "S3cret-word"), step(Status.PASS))
    )
    report = with_drill(bad_day, named)
    assert from_text(canonical(to_data(report))) == report
    (result,) = from_text(canonical(secrets.masked(to_data(report), own=OWN_WORDS))).results
    assert result.evidence == (
        Ladder(msg("t"), verbatim("by ••••••"), (step(Status.FAIL, 2, "••••••", "••••••"), step(Status.PASS))),
    )
