"""Names of pages in a report's folder."""

from reports.names import page_name
from reports.words import LOCALES


def test_a_language_that_is_not_archived_leads_to_the_main_page() -> None:
    assert [page_name("report", x, ("ja",)) for x in ("ja", "en")] == ["report.html", "report.html"]
    assert page_name("report", "en", LOCALES) == "report.en.html"
