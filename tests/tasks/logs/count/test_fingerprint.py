"""Fingerprints: what is the same error, what is not, and the rules by hand."""

import hashlib
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.logs.count.fingerprint import ErrorKey, error_key, normalised, top_frame
from tasks.logs.settings import DEFAULT_SKIPPED
from tests.deep import examples

# Written by hand from the rules, not by running them.
GOLDEN = [
    ("", ""),
    ("   \n\t", ""),
    ("Order not found", "Order not found"),
    ("Order 12345 not found", "Order <*> not found"),
    ("first line 1\nsecond line", "first line <*>"),
    ("\n\n  starts later", "starts later"),
    ("too   many\tspaces ", "too many spaces"),
    # addresses
    ("GET https://api.example.com/v1/orders?id=7 failed", "GET <*> failed"),
    ("see http://x.example/a/b.", "see <*>."),
    ("(https://example.com/a)", "(<*>)"),
    ("https://example.com/材料 に接続できません", "<*>材料 に接続できません"),
    ("cannot open postgres://app@db/shop", "cannot open <*>"),
    # mail addresses
    ("no mailbox for taro.yamada+test@example.co.jp", "no mailbox for <*>"),
    ("user@host has no dot", "user@host has no dot"),
    # UUIDs, also one without a digit
    ("request 3f2504e0-4f89-41d3-9a0c-0305e82c3301 timed out", "request <*> timed out"),
    ("request abcdefab-abcd-abcd-abcd-abcdefabcdef timed out", "request <*> timed out"),
    # quoted values behind = or :
    ('invalid input syntax for type uuid: "abc"', "invalid input syntax for type uuid: <*>"),
    ("name='Yamada Taro' is taken", "name=<*> is taken"),
    ('{"name":"say \\"hi\\"","ok":true}', '{"name":<*>,"ok":true}'),
    ('relation "users" does not exist', 'relation "users" does not exist'),
    ('name="never closed', 'name="never closed'),
    # tokens with a digit
    ("took 12ms", "took <*>"),
    ("temperature -5", "temperature <*>"),
    ("temperature +5.25", "temperature <*>"),
    ("x=-5", "x=<*>"),
    ("sha a1b2c3d failed", "sha <*> failed"),
    ("job_42 failed", "<*> failed"),
    ("order-12 failed", "order-<*> failed"),
    ("v1.2.3-beta", "<*>-beta"),
    ("connect ECONNREFUSED 10.0.0.1:5432", "connect ECONNREFUSED <*>"),
    ("at 2026-11-24T00:00:00.000Z", "at <*>"),
    ("at 2026-11-24 00:00:00,123", "at <*>"),
    ("1,234,567 rows", "<*> rows"),
    ("/api/ingredients/42/edit", "/api/ingredients/<*>/edit"),
    ("Unexpected token < in JSON at position 0", "Unexpected token < in JSON at position <*>"),
    # lists
    ("ids [1, 2, 3] and (4;5)", "ids [<*>] and (<*>)"),
    ("a=1, b=2", "a=<*>, b=<*>"),
    # HTTP statuses stay
    ("HTTP 404", "HTTP 404"),
    ("HTTP/1.1 503 from upstream 7", "HTTP/1.1 503 from upstream <*>"),
    ("HTTP Error 404: Not Found", "HTTP Error 404: Not Found"),
    ("Request failed with status code 500", "Request failed with status code 500"),
    ("statusCode=429, attempt=3", "statusCode=429, attempt=<*>"),
    ('{"status":404,"id":404}', '{"status":404,"id":<*>}'),
    ("responded 404 after 404 ms", "responded 404 after <*> ms"),
    ("payments responded with 502", "payments responded with 502"),
    ("HTTP 99, HTTP 600, HTTP 4041", "HTTP <*>, HTTP <*>, HTTP <*>"),
    ("status 200ms", "status <*>"),
    # Japanese
    ("注文12345が見つかりません", "注文<*>が見つかりません"),
    ("在庫が不足しています（商品ID: 88、数量: -3）", "在庫が不足しています（商品ID: <*>、数量: <*>）"),
    ("ユーザー「山田」の認証に失敗しました", "ユーザー「山田」の認証に失敗しました"),
    ("2026年11月24日の集計に失敗: 'タイムアウト'", "<*>年<*>月<*>日の集計に失敗: <*>"),
    ("全角の１２３はそのまま", "全角の１２３はそのまま"),
]

APART = [
    ("HTTP 404", "HTTP 500"),
    ("Request failed with status code 401", "Request failed with status code 403"),
    ("status 503", "status 504"),
    ("Order not found", "Order not paid"),
    ('relation "users" does not exist', 'relation "orders" does not exist'),
    ("注文が見つかりません", "材料が見つかりません"),
]

NODE = """Error: no such ingredient
    at Object.query (/app/node_modules/pg/lib/client.js:526:17)
    at process.processTicksAndRejections (node:internal/process/task_queues:95:5)
    at Array.map (<anonymous>)
    at async IngredientRepository.find (/app/src/modules/ingredients/repository.ts:42:7)
    at async handler (/app/src/server.ts:10:3)
"""

PYTHON = """Traceback (most recent call last):
  File "/srv/app/main.py", line 10, in main
    at = load()
  File "/srv/app/orders/load.py", line 33, in load
    return session.get(url)
  File "/srv/venv/lib/python3.11/site-packages/requests/api.py", line 73, in get
    return request("get", url)
requests.exceptions.ConnectionError: refused
"""

JAVA = """java.lang.IllegalStateException: closed
\tat com.example.orders.OrderService.place(OrderService.java:88)
\tat com.example.Main.main(Main.java:12)
"""


@pytest.mark.parametrize(("message", "expected"), GOLDEN)
def test_what_varies_becomes_a_placeholder(message: str, expected: str) -> None:
    assert normalised(message) == expected


@pytest.mark.parametrize(("one", "other"), APART)
def test_different_errors_stay_apart(one: str, other: str) -> None:
    assert error_key("m", "E", one, "").fingerprint != error_key("m", "E", other, "").fingerprint


@pytest.mark.parametrize("length", [499, 500, 501, 100_000])
def test_500_characters_count(length: int) -> None:
    assert normalised("x" * length) == "x" * min(length, 500)


@given(st.text(alphabet=st.sampled_from("aZ_09.:/-+ ,=\"'@<*>[]\\材\x00\x1b\ud800\u2028"), max_size=80))
@settings(max_examples=examples(150))
def test_no_digit_but_a_status_is_left(message: str) -> None:
    once = normalised(message)
    assert not any(c in "0123456789" for c in once)
    assert "\x00" not in once


class TestFrame:
    """The innermost frame of the service's own code."""

    @pytest.mark.parametrize(
        ("stack", "frame"),
        [
            (NODE, "IngredientRepository.find (/app/src/modules/ingredients/repository.ts)"),
            (NODE.replace(":42:7", ":57:12"), "IngredientRepository.find (/app/src/modules/ingredients/repository.ts)"),
            (PYTHON, "load (/srv/app/orders/load.py)"),
            (JAVA, "com.example.orders.OrderService.place(OrderService.java)"),
            ("Error: x\n    at /app/src/index.js:1:2", "/app/src/index.js"),
            ("Error: x\n    at async file:///app/a.mjs:1:2", "file:///app/a.mjs"),
            ("  at Shop.Cart.Add(Int32 n) in C:\\shop\\Cart.cs:line 12", "Shop.Cart.Add(Int32 n) in C:\\shop\\Cart.cs"),
            ("E\n  at a (/x/node_modules/p/i.js:1:2)\n  at b (node:fs:3:4)", "a (/x/node_modules/p/i.js)"),
            (
                '  File "/usr/lib/python3.11/json/decoder.py", line 355, in raw',
                "raw (/usr/lib/python3.11/json/decoder.py)",
            ),
            ('  File "run.py", line 3', "<module> (run.py)"),
            ("no frames here", ""),
            ("", ""),
        ],
    )
    def test_by_language(self, stack: str, frame: str) -> None:
        assert top_frame(stack, DEFAULT_SKIPPED) == frame

    def test_skipped_prefixes_can_be_set(self) -> None:
        assert top_frame(NODE, ("client.js", "task_queues")) == "Array.map (<anonymous>)"

    def test_the_end_of_a_deep_python_stack_is_read(self) -> None:
        deep = '  File "/srv/a.py", line 1, in a\n    b()\n  File "/srv/b.py", line 1, in b\n    a()\n' * 1000
        assert top_frame(deep + '  File "/srv/end.py", line 9, in end\n    x', DEFAULT_SKIPPED) == "end (/srv/end.py)"

    def test_the_middle_of_a_very_long_stack_is_not_read(self) -> None:
        library = "    at f (node:fs:1:1)\n" * 1000
        assert top_frame(library + "    at own (/app/a.js:1:1)\n" + library) == "f (node:fs)"


class TestKey:
    """Its parts, and nothing else, make the fingerprint."""

    def test_what_varies_does_not_change_it(self) -> None:
        one = error_key("orders", "Error", "order 1 not found", NODE)
        other = error_key("orders", "Error", "order 22 not found", NODE.replace(":42:7", ":43:1"))
        assert one == other
        assert one == ErrorKey(
            "orders",
            "Error",
            "order <*> not found",
            "IngredientRepository.find (/app/src/modules/ingredients/repository.ts)",
        )

    def test_it_is_sha_256_of_the_version_and_the_parts(self) -> None:
        assert ErrorKey("a", "b", "c", "d").fingerprint == hashlib.sha256(b"1|a|b|c|d").hexdigest()[:32]

    @pytest.mark.parametrize("field", range(4))
    def test_each_part_counts(self, field: int) -> None:
        parts = ["a", "b", "c", "d"]
        parts[field] = "other"
        assert ErrorKey(*parts).fingerprint != ErrorKey("a", "b", "c", "d").fingerprint

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            (ErrorKey("a|b", "c", "", ""), ErrorKey("a", "b|c", "", "")),
            (ErrorKey("a", "|", "", ""), ErrorKey("a", "", "|", "")),
            (ErrorKey("a\\", "b", "", ""), ErrorKey("a", "\\b", "", "")),
            (ErrorKey("a\\|b", "c", "", ""), ErrorKey("a\\", "b|c", "", "")),
        ],
    )
    def test_parts_cannot_run_into_each_other(self, one: ErrorKey, other: ErrorKey) -> None:
        assert one.fingerprint != other.fingerprint

    def test_a_lone_surrogate_and_nul_can_be_stored(self) -> None:
        key = error_key("m\x00", "E\ud800", "bad \udc80 text", "at f\ud800 (/a.js:1:1)")
        assert len(key.fingerprint) == 32
        assert "\x00" not in f"{key}".encode().decode()


@pytest.mark.parametrize(
    "unit",
    [
        "a",
        "1",
        "a.",
        "1.",
        "-",
        '="',
        "='\\",
        "a@",
        "@a.",
        "http://",
        "a://",
        "<*>, ",
        " ",
        "File ",
        "at ",
        ":1",
        "\n",
        "HTTP ",
        "abcdef12-",
        "材",
        '  File "',
        "at a:1:1\n",
        '  File "a", line 1, in b\n',
        "\x00",
    ],
)
def test_hostile_text_of_100_kb_takes_no_time(unit: str) -> None:
    text = unit * (100_000 // len(unit))
    start = time.thread_time()
    error_key(text, text, text, text)
    error_key("m", "E", text[1:], "x" + text)
    assert time.thread_time() - start < 1
