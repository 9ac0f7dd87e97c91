"""Counts a month of raw log lines again, in plain Python and sharing no code with opsrounds.

`python oracle_month.py LOG FROM TO QUIET_MIN BOUND_MS SLICE [MAINTENANCE_FROM MAINTENANCE_TO]`: prints JSON. LOG holds
one JSON object a line; times are ISO 8601 with an offset.
"""

import json
import sys
from collections import defaultdict
from datetime import datetime
from pathlib import Path


def minute(text):
    return int(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()) // 60


def count(log, start, end, quiet_min, bound_ms, slice_share, closed):
    per_minute = defaultdict(lambda: [0, 0, 0])
    modules = defaultdict(lambda: [0, 0])
    busy = set()
    with Path(log).open(encoding="utf-8") as lines:
        for line in lines:
            try:
                record = json.loads(line)
            except ValueError:
                continue
            if "status" not in record:
                continue
            at = minute(record["timestamp"])
            busy.add(at)
            if not start <= at < end or closed[0] <= at < closed[1]:
                continue
            bad = record["status"] >= 500
            per_minute[at][0] += 1
            per_minute[at][1] += bad
            per_minute[at][2] += record["duration"] <= bound_ms
            modules[record["module"]][0] += 1
            modules[record["module"]][1] += bad
    measured = set()
    ordered = sorted(busy)
    for before, after in zip(ordered, [*ordered[1:], None], strict=False):
        until = after if after is not None and after - before <= quiet_min else before + 1
        measured.update(range(before, until))
    measured = {m for m in measured if start <= m < end and not closed[0] <= m < closed[1]}
    slices = [(v, b) for v, b, _ in per_minute.values()]
    return {
        "valid": sum(v for v, _, _ in per_minute.values()),
        "bad": sum(b for _, b, _ in per_minute.values()),
        "within": sum(w for _, _, w in per_minute.values()),
        "measured_min": len(measured),
        "expected_min": end - start - max(0, min(end, closed[1]) - max(start, closed[0])),
        "slices": len(slices),
        "bad_slices": sum((v - b) / v < slice_share for v, b in slices),
        "modules": dict(sorted(modules.items())),
    }


def main(log, start, end, quiet_min, bound_ms, slice_share, *closed):
    window = (minute(closed[0]), minute(closed[1])) if closed else (0, 0)
    found = count(log, minute(start), minute(end), int(quiet_min), float(bound_ms), float(slice_share), window)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main(*sys.argv[1:])
