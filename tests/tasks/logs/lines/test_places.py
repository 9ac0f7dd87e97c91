"""Module and route of a request: patterns first, ids folded, never more routes than allowed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.logs.lines.places import Places, RoutePattern
from tests.deep import examples

PATTERNS = [
    RoutePattern("/api/ingredients/search", "search"),
    RoutePattern("/api/ingredients/:id", "ingredients"),
    RoutePattern("/api/ingredients/:id/stock/", "stock"),
    RoutePattern("/static/*", "assets"),
    RoutePattern("/download*", None),
    RoutePattern("/", "home"),
]


def route(url: str) -> str:
    return Places([]).find(url, None)[1]


class TestPatterns:
    """What the service file names."""

    @pytest.mark.parametrize(
        ("url", "found"),
        [
            ("/api/ingredients/42", ("ingredients", "/api/ingredients/:id")),
            ("/api/ingredients/tomato?full=1", ("ingredients", "/api/ingredients/:id")),
            ("/api/ingredients/search", ("search", "/api/ingredients/search")),
            ("/api/ingredients/42/stock", ("stock", "/api/ingredients/:id/stock/")),
            ("/api/ingredients/42/", ("ingredients", "/api/ingredients/:id")),
            ("//api///ingredients/42#top", ("ingredients", "/api/ingredients/:id")),
            ("https://shop.example/api/ingredients/42?x=/static/a", ("ingredients", "/api/ingredients/:id")),
            ("/api/ingredients/42;v=1", ("ingredients", "/api/ingredients/:id")),
            ("/static", ("assets", "/static/*")),
            ("/static/js/a.js", ("assets", "/static/*")),
            ("/statics", ("unknown", "/statics")),
            ("/downloads/a", ("unknown", "/download*")),
            ("/", ("home", "/")),
            ("https://shop.example", ("home", "/")),
            ("https://shop.example?x=1", ("home", "/")),
            ("/api/ingredients", ("unknown", "/api/ingredients")),
            ("/api/ingredients/1/2/3", ("unknown", "/api/ingredients/:id/:id/:id")),
            ("/x/api/ingredients/4", ("unknown", "/x/api/ingredients/:id")),
        ],
    )
    def test_the_first_that_fits_names_the_route(self, url: str, found: tuple[str, str]) -> None:
        places = Places(PATTERNS)
        assert places.find(url, None) == found
        assert places.find(url, None) == found, "the same from the cache"

    def test_a_dot_is_a_dot(self) -> None:
        assert Places([RoutePattern("/a.b", "m")]).find("/axb", None) == ("unknown", "/axb")

    def test_everything_fits_a_lone_star(self) -> None:
        assert Places([RoutePattern("/*", "all")]).find("/a/b", None) == ("all", "/*")

    def test_the_log_field_names_the_module(self) -> None:
        places = Places(PATTERNS)
        assert places.find("/api/ingredients/42", "kitchen") == ("kitchen", "/api/ingredients/:id")
        assert places.find("/api/ingredients/42", None)[0] == "ingredients"
        assert places.find("/api/ingredients/42", "")[0] == "ingredients"

    def test_a_known_method_distinguishes_patterns(self) -> None:
        places = Places([RoutePattern("/a/:id", "read", "GET"), RoutePattern("/a/:key", "write", "POST")])
        assert places.find("/a/1", None, "POST") == ("write", "/a/:key")
        assert places.find("/a/1", None, "get") == ("read", "/a/:id")
        assert places.find("/a/1", None) == ("read", "/a/:id")
        assert places.find("/a/1", None, "PUT") == ("unknown", "/a/:id")


class TestFolding:
    """Ids in addresses that no pattern names."""

    @pytest.mark.parametrize(
        "segment",
        [
            "7",
            "123456",
            "3f2504e0-4f89-41d3-9a0c-0305e82c3301",
            "abcdefab-abcd-abcd-abcd-abcdefabcdef",
            "deadbee1",
            "DEADBEE1",
            "01ARZ3NDEKTSV4RRFFQ69G5FAV",
            "0azznzzzzzzzzzzzzzzzzzzzzz",
            "order-123",
            "2026-11-24",
            "a1b2c3",
        ],
    )
    def test_an_id_is_folded(self, segment: str) -> None:
        assert route(f"/x/{segment}/edit") == "/x/:id/edit"

    @pytest.mark.parametrize(
        ("path", "folded"),
        [("/x/7.json", "/x/:id.json"), ("/x/items.json", "/x/items.json"), ("/x/v1.2", "/x/v1.2"), ("/x/.7", "/x/.7")],
    )
    def test_a_file_ending_stays(self, path: str, folded: str) -> None:
        assert route(path) == folded

    @pytest.mark.parametrize("segment", ["taro@example.com", "T" * 41, "%E3%81%82", "@taro"])
    def test_so_is_what_varies_like_one(self, segment: str) -> None:
        assert route(f"/x/{segment}") == "/x/:id"

    @pytest.mark.parametrize(
        "segment",
        ["v1", "oauth2", "deadbeef", "dead12f", "a1b2c", "T" * 40, "robots.txt", "my%20file", "材料", "x１２３"],
    )
    def test_a_word_stays(self, segment: str) -> None:
        assert route(f"/{segment}") == f"/{segment}"

    @pytest.mark.parametrize(("url", "expected"), [("", "other"), ("?a=1", "other"), ("*", "/*"), ("api/x", "/api/x")])
    def test_what_is_no_path_has_a_route_too(self, url: str, expected: str) -> None:
        assert route(url) == expected

    @pytest.mark.parametrize(
        ("url", "expected"),
        [
            ("/a\x1b[1mb", "/a%1B[1mb"),
            ("/a\nb", "/a%0Ab"),
            ("/a\u202eb", "/a%E2%80%AEb"),
            ("/a\ud800", "/a%3F"),
            ("/%3Cscript%3E", "/%3Cscript%3E"),
        ],
    )
    def test_control_characters_are_harmless(self, url: str, expected: str) -> None:
        assert route(url) == expected

    def test_a_route_has_200_characters_at_most(self) -> None:
        assert route("/" + "ab/" * 67) == ("/" + "ab/" * 67)[:200]
        assert len(route("/" + "\x00/" * 5000)) == 200

    def test_a_module_is_harmless_and_has_100_characters_at_most(self) -> None:
        assert Places([]).find("/", "m\x1b" + "x" * 200)[0] == "m%1B" + "x" * 96

    @given(st.text(max_size=30))
    @settings(max_examples=examples(200))
    def test_any_address_has_a_printable_route_without_a_query(self, url: str) -> None:
        found = Places([]).find(url, None)[1]
        assert found == "other" or (found.startswith("/") and found.isprintable() and "?" not in found)


class TestMost:
    """Never more routes than allowed, and those that are known stay."""

    def test_the_rest_is_other(self) -> None:
        places = Places(PATTERNS, most=3)
        found = [places.find(f"/{character}", None)[1] for character in "abcdab"]
        assert found == ["/a", "/b", "/c", "other", "/a", "/b"]
        assert places.known == {"/a", "/b", "/c"}

    def test_patterns_take_no_place(self) -> None:
        places = Places(PATTERNS, most=0)
        assert places.find("/static/a", None)[1] == "/static/*"
        assert places.find("/a", None)[1] == "other"
        assert places.known == frozenset()

    def test_routes_known_before_take_their_place(self) -> None:
        places = Places(PATTERNS, most=2, known=["/b", "other", "/static/*"])
        assert [places.find(url, None)[1] for url in ("/a", "/c", "/b")] == ["/a", "other", "/b"]
        assert places.known == {"/a", "/b"}

    def test_more_known_ones_than_allowed_stay(self) -> None:
        assert Places([], most=1, known=["/a", "/b"]).find("/b", None)[1] == "/b"

    def test_what_does_not_exist_is_not_learnt(self) -> None:
        places = Places([], most=2, known=["/a"])
        assert places.find("/wp-admin", None, learn=False)[1] == "other"
        assert places.find("/a", None, learn=False)[1] == "/a"
        assert places.known == {"/a"}
        assert places.find("/wp-admin", None)[1] == "/wp-admin", "it is learnt when it is answered"


SEGMENTS = st.sampled_from([
    *("api", "static", "download", "download12", "42", "a1b2c3", "deadbee1", "deadbeef", "x.json", "7.json", "7.x1234"),
    *("1.2.345", "taro@x.com", "12@", "%E3%81%82", "v1", "order-123", "abcdefab-abcd-abcd-abcd-abcdefabcdef", "材料"),
    *("01ARZ3NDEKTSV4RRFFQ69G5FAV", "x" * 41, "x" * 42 + ".png", "１２３", "", ":id", "a b", "x\ny1234", ";v=1"),
    *("9;a=123", "#f", "404", "..", ".7", "7.", "?a=/1"),
])  # fmt: skip
KNOWN = [RoutePattern("/errors/404", "errors"), RoutePattern("/api/:id/42", "answers"), *PATTERNS]


@pytest.mark.parametrize("patterns", [[], KNOWN, [RoutePattern("/api/:*", "x")], [RoutePattern("*", "all")]])
@given(
    st.lists(st.tuples(st.sampled_from(["/", "", "https://h.example/"]), st.lists(SEGMENTS, max_size=4)), max_size=8)
)
@settings(max_examples=examples(200), deadline=None)
def test_addresses_of_one_stem_have_one_place(patterns: list[RoutePattern], parts: list[tuple[str, list[str]]]) -> None:
    places: dict[str, tuple[str, str]] = {}
    for url in (begin + "/".join(segments) for begin, segments in parts):
        known = Places(patterns)
        found = known.find(url, None)
        known._id = None  # nothing is folded before the cache
        known._cached.clear()
        assert known.find(url, None) == found
        stem = Places(patterns).stem(url)
        assert Places(patterns).stem(stem) == stem
        assert places.setdefault(stem, found) == found
        assert places.get(Places(patterns).folded(url.partition("?")[0]), found) == found


LETTERS = str.maketrans("0123456789", "abcdefghij")


def test_hostile_addresses_do_not_grow_the_cache() -> None:
    places = Places(PATTERNS)
    for number in range(50_010):
        places.find("/static/" + str(number).translate(LETTERS), None)
    for number in range(10):
        places.find("/" + "x" * 301 + str(number), None)
        places.find("/a", "m" * 101 + str(number))
    assert len(places._cached) == 10
