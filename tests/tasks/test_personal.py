"""Personal data and secrets: found in every usual form, and not where ids, times and hashes stand."""

import json
import random
import time
import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.personal import Kind, find_kinds, mask, suspicious
from tests.deep import examples

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"

# Card numbers are the issuers' published test numbers.
FOUND = [
    ("mail to taro.yamada+x@example.co.jp.", Kind.EMAIL, "mail to <email>."),
    ("<bob@example.com>", Kind.EMAIL, "<<email>>"),
    ("GET /reset?email=bob%40example.com&x=1", Kind.EMAIL, "GET /reset?email=<email>&x=1"),
    ("メールbob@example.jpへ", Kind.EMAIL, "メール<email>へ"),
    ("電話090-1234-5678まで", Kind.PHONE, "電話<phone>まで"),
    ("tel 09012345678", Kind.PHONE, "tel <phone>"),
    ("tel 080 1234 5678,", Kind.PHONE, "tel <phone>,"),
    ("TEL:03-1234-5678", Kind.PHONE, "TEL:<phone>"),
    ("045-123-4567", Kind.PHONE, "<phone>"),
    ("0463-12-3456", Kind.PHONE, "<phone>"),
    ("(03)1234-5678", Kind.PHONE, "<phone>"),
    ("+81-90-1234-5678", Kind.PHONE, "<phone>"),
    ("+81 (0)90 1234 5678", Kind.PHONE, "<phone>"),
    ("+819012345678", Kind.PHONE, "<phone>"),
    ("+1 (415) 555-2671", Kind.PHONE, "<phone>"),
    ("+33 1 23 45 67 89", Kind.PHONE, "<phone>"),
    ('{"message":"line\\n090-1234-5678"}', Kind.PHONE, '{"message":"line\\n<phone>"}'),
    ("card 4111111111111111 declined", Kind.CARD, "card <card> declined"),
    ("4111-1111-1111-1111", Kind.CARD, "<card>"),
    ("5555 5555 5555 4444", Kind.CARD, "<card>"),
    ("2223003122003222", Kind.CARD, "<card>"),
    ("3782-822463-10005", Kind.CARD, "<card>"),
    ("378282246310005", Kind.CARD, "<card>"),
    ("30569309025904", Kind.CARD, "<card>"),
    ("6011111111111117", Kind.CARD, "<card>"),
    ("3530111333300000", Kind.CARD, "<card>"),
    ("4222222222222", Kind.CARD, "<card>"),
    (f"jwt {JWT}", Kind.JWT, "jwt <jwt>"),
    (f"a%20{JWT}", Kind.JWT, "a%20<jwt>"),
    (f'"line\\n{JWT}"', Kind.JWT, '"line\\n<jwt>"'),
    ("unsigned eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.", Kind.JWT, "unsigned <jwt>"),
    ('{"password": "hunter2"}', Kind.PASSWORD, '{"password": "<password>"}'),
    ('{"userPassword":"a\\"b","x":1}', Kind.PASSWORD, '{"userPassword":"<password>","x":1}'),
    ('{"message":"{\\"password\\":\\"hunter2\\"}"}', Kind.PASSWORD, '{"message":"{\\"password\\":\\"<password>\\"}"}'),
    ("{'passwd': 'hunter2'}", Kind.PASSWORD, "{'passwd': '<password>'}"),
    ("GET /login?user=a&password=hunter2&x=1", Kind.PASSWORD, "GET /login?user=a&password=<password>&x=1"),
    ("PASSWORD = hunter2", Kind.PASSWORD, "PASSWORD = <password>"),
    ("/cb?access_token=abc123", Kind.PASSWORD, "/cb?access_token=<password>"),
    ("client_secret='s3cr3t'", Kind.PASSWORD, "client_secret='<password>'"),
    ("api_key=abc apikey=def", Kind.PASSWORD, "api_key=<password> apikey=<password>"),
    ('{"x-api-key":"abc"}', Kind.PASSWORD, '{"x-api-key":"<password>"}'),
    ("Authorization: Bearer abc.def", Kind.PASSWORD, "Authorization: Bearer <password>"),
    ('{"authorization":"Basic Ym9iOmE="}', Kind.PASSWORD, '{"authorization":"Basic <password>"}'),
    ("postgres://app:hunter2@db.example.com/shop", Kind.PASSWORD, "postgres://app:<password>@db.example.com/shop"),
]

CLEAN = [
    "",
    "order placed",
    "user@host",
    "logo@2x.png",
    "node_modules/.pnpm/pg@8.11.0/node_modules",
    "@Injectable() at symbol @ alone",
    "ops@10.0.0.1",
    "3f2504e0-4f89-41d3-9a0c-0305e82c3301",
    "00000000-0000-0000-0000-000000000000",
    "12345678-1234-1234-1234-123456789012",
    "2026-11-24T09:00:00.123+09:00",
    "24/Nov/2026:09:00:01 +0900",
    "2026-11-24 09:00:00,123",
    "203.0.113.7:54321",
    "2001:db8::1",
    "took 12.345678901234567 ms",
    "0.4111111111111111",
    "time 1764000000000",
    "time 1764000000000000000",
    "order 4111111111111112",
    "order 1234567890123452",
    "order 9999999999999995",
    "order 411111111111",
    "JAN 4947720437258",
    "request id req-090-1234-56789",
    "a4111111111111111",
    "4111111111111111a",
    "5f4dcc3b5aa765d61d8327deb882cf99",
    "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "part 090-1234-567",
    "part 1090-1234-5678",
    "serial 00-1234-5678",
    "+0900",
    "+12345678",
    "1+4155552671",
    "eyJhbGciOiJIUzI1NiJ9",
    "eyJhbGciOiJIUzI1NiJ9.abc.def",
    '{"password":""}',
    '{"password":"***"}',
    '{"password":"[REDACTED]"}',
    '{"token":null}',
    '{"token":"null"}',
    "token=",
    "token=undefined",
    "password: must have 8 characters",
    "Authorization: failed",
    "Unexpected token < in JSON at position 0",
    '{"key":"value","tokens":"12","quantity":"3"}',
    "https://example.com:8080/a",
    "ssh://git@github.com/org/repository",
]


@pytest.mark.parametrize(("text", "kind", "masked"), FOUND)
def test_it_is_found_and_masked(text: str, kind: Kind, masked: str) -> None:
    assert find_kinds(text) == {kind}
    assert mask(text) == masked
    assert suspicious(text.encode())


@pytest.mark.parametrize("text", CLEAN)
def test_what_is_none_is_left(text: str) -> None:
    assert find_kinds(text) == frozenset()
    assert mask(text) == text


def test_several_kinds_are_all_found() -> None:
    text = f'{{"authorization":"Bearer {JWT}","to":"bob@example.com","tel":"090-1234-5678"}}'
    assert find_kinds(text) == {Kind.PASSWORD, Kind.JWT, Kind.EMAIL, Kind.PHONE}
    assert mask(text) == '{"authorization":"Bearer <password>","to":"<email>","tel":"<phone>"}'


FRAGMENT = st.one_of(
    st.sampled_from([text for text, _, _ in FOUND] + CLEAN),
    st.text(alphabet="01459aey@.-+ =:\"'\\%<>()/材", max_size=8),
    st.sampled_from(["password=", '"token":"', "Bearer ", "\\n", "%20", "://a:", "eyJ"]),
)


@given(st.lists(FRAGMENT, max_size=5).map("".join))
@settings(max_examples=examples(400))
def test_nothing_is_found_after_masking_and_nothing_is_found_in_what_is_not_suspicious(text: str) -> None:
    masked = mask(text)
    assert find_kinds(masked) == frozenset()
    assert mask(masked) == masked
    assert suspicious(text.encode()) or not find_kinds(text)


def clean_line(chance: random.Random) -> bytes:
    return json.dumps(
        {
            "timestamp": f"2026-11-24T09:00:{chance.randrange(60):02}.{chance.randrange(1000):03}Z",
            "level": "info",
            "service": "kitchen",
            "environment": "production",
            "message": "request completed",
            "module": "ingredients",
            "requestId": str(uuid.UUID(int=chance.getrandbits(128), version=4)),
            "method": "GET",
            "url": f"/api/ingredients/{chance.randrange(100_000)}?page=2&sort=name",
            "status": 200,
            "duration": round(chance.random() * 100, 3),
            "userAgent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36",
        },
        separators=(",", ":"),
    ).encode()


def test_few_clean_lines_are_suspicious_and_none_has_anything() -> None:
    chance = random.Random(7)
    lines = [clean_line(chance) for _ in range(1000)]
    assert sum(map(suspicious, lines)) < 60
    assert not any(find_kinds(line.decode()) for line in lines)


@pytest.mark.parametrize("number", ["1764000000000", "12.345678901234567", "0.4111111111111111"])
def test_a_time_and_a_fraction_are_not_even_suspicious(number: str) -> None:
    assert not suspicious(f'{{"time":{number},"last":{number}}}'.encode())


def test_few_ids_of_16_digits_look_like_cards() -> None:
    chance = random.Random(7)
    ids = [str(chance.randrange(10**15, 10**16)) for _ in range(5000)]
    assert 0.015 < sum(Kind.CARD in find_kinds(number) for number in ids) / len(ids) < 0.035


@pytest.mark.parametrize(
    "unit",
    [
        "a",
        "@",
        "a@",
        "a@b.",
        "a%40",
        "eyJ",
        "eyJaaaaa.",
        "eyJaaaaa.eyJ",
        "password",
        "password=",
        'token":"',
        'token\\":',
        "\\",
        '"',
        "'",
        "4",
        "4111 ",
        "4111-",
        "0",
        "+1",
        "+1 ",
        "+1-(",
        "://",
        "://a:a",
        "authorization: bearer ",
        "(03",
        "090-1234-",
        "1764000000000 ",
        "00-0000-",
        "45900000000000000000 ",
        "材",
    ],
)
def test_hostile_text_of_200_kb_takes_no_time(unit: str) -> None:
    hostile = unit * (200_000 // len(unit))
    start = time.thread_time()
    suspicious(hostile.encode())
    find_kinds(hostile)
    mask(hostile)
    assert time.thread_time() - start < 5
