"""Which language a terminal is served in."""

import pytest

from deployments.language import terminal_language


@pytest.mark.parametrize(
    ("given", "variables", "expected"),
    [
        ("en", {"LANG": "ja_JP.UTF-8"}, "en"),
        ("ja", {}, "ja"),
        (None, {"LANG": "ja_JP.UTF-8"}, "ja"),
        (None, {"LANG": "ja"}, "ja"),
        (None, {"LANG": "en_US.UTF-8"}, "en"),
        (None, {"LANG": "de_DE@euro"}, "en"),
        (None, {"LANG": "C.UTF-8"}, "en"),
        (None, {"LC_ALL": "POSIX", "LANG": "ja_JP.UTF-8"}, "en"),
        (None, {"LC_ALL": "", "LC_MESSAGES": "ja_JP.eucJP", "LANG": "C"}, "ja"),
        (None, {"LC_CTYPE": "en_US.UTF-8"}, "ja"),
        (None, {"LANG": "java"}, "en"),
        (None, {}, "ja"),
    ],
)
def test_the_option_then_the_locale_then_the_service_file(
    given: str | None, variables: dict[str, str], expected: str
) -> None:
    assert terminal_language(given, ("ja", "en"), variables) == expected


def test_without_any_locale_the_service_file_decides() -> None:
    assert terminal_language(None, ("en", "ja"), {"PATH": "/bin"}) == "en"
