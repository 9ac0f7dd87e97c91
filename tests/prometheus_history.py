"""A Prometheus for tests, and a past for it: samples and staleness as a scraper would have left them."""

import json
import math
import struct
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tasks.processes import Child, free_port

STALE = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]
"""What Prometheus stores where a scrape failed, or where a series is no longer exposed."""
_BATCH = 200


@dataclass(frozen=True)
class Sample:
    """A value of a series; `at_s` is Unix time."""

    labels: Mapping[str, str]
    at_s: float
    value: float


@contextmanager
def running_prometheus(folder: Path, scrape_configs: Sequence[Mapping[str, Any]] = ()) -> Iterator[str]:
    """The address of a server that takes remote writes, also late ones, until the block ends."""
    port = free_port()
    tsdb = {"storage": {"tsdb": {"out_of_order_time_window": "30d"}}}
    # JSON is YAML.
    (folder / "prometheus.yml").write_text(json.dumps({"scrape_configs": list(scrape_configs), **tsdb}))
    argv = ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    argv += ["--web.enable-remote-write-receiver", f"--web.listen-address=127.0.0.1:{port}"]
    with Child(argv, log=folder / "server.log") as child:
        url, deadline = f"http://127.0.0.1:{port}", time.monotonic() + 120
        while True:
            with suppress(httpx.TransportError):
                if httpx.get(f"{url}/-/ready", timeout=10, trust_env=False).status_code == 200:
                    break
            assert child.running and time.monotonic() < deadline, child.tail()
            time.sleep(0.05)
        yield url


def write(url: str, samples: Iterable[Sample]) -> None:
    """Store samples through Prometheus's remote write protocol, each series in the order of time."""
    series: dict[tuple[tuple[str, str], ...], list[Sample]] = {}
    for sample in samples:
        series.setdefault(tuple(sorted(sample.labels.items())), []).append(sample)
    messages = [_series(labels, sorted(of, key=lambda sample: sample.at_s)) for labels, of in series.items()]
    headers = {"Content-Encoding": "snappy", "Content-Type": "application/x-protobuf"}
    for start in range(0, len(messages), _BATCH):
        body = b"".join(_field(1, message) for message in messages[start : start + _BATCH])
        answer = httpx.post(f"{url}/api/v1/write", content=_snappy(body), headers=headers, timeout=60, trust_env=False)
        assert answer.status_code == 204, answer.text


def _series(labels: Iterable[tuple[str, str]], samples: Iterable[Sample]) -> bytes:
    named = (_field(1, _field(1, name.encode()) + _field(2, value.encode())) for name, value in labels)
    return b"".join(named) + b"".join(_field(2, _sample(sample)) for sample in samples)


def _sample(sample: Sample) -> bytes:
    value = struct.pack("<Q", 0x7FF0000000000002) if sample.value is STALE else struct.pack("<d", sample.value)
    return b"\x09" + value + b"\x10" + _varint(math.floor(sample.at_s * 1000))


def _field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _snappy(content: bytes) -> bytes:
    """Snappy's block format without any compression: literals only."""
    out = bytearray(_varint(len(content)))
    for start in range(0, len(content), 65_536):
        part = content[start : start + 65_536]
        out += b"\xf4" + struct.pack("<H", len(part) - 1) + part
    return bytes(out)
