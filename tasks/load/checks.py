"""The questions of a load test."""

from typing import Final

from tasks.check_result import Check, Severity, msg
from tasks.guide.lines import GuideLine

LINE: Final = GuideLine(
    "performance",
    msg("Write the performance report"),
    ("performance.*", "load.*"),
    also="パフォーマンスレポートの作成",
    named_by=("performance.latency", "load.verdict"),
)

VERDICT: Final = Check(
    "load.verdict",
    msg("Load test verdict"),
    msg("Did the load test run as planned, and did the service keep every gate?"),
    Severity.WARNING,
)
TARGET: Final = Check(
    "load.target",
    msg("Tested environment"),
    msg("Did the tested service answer, and is it the environment that was meant?"),
    Severity.WARNING,
)
GENERATOR: Final = Check(
    "load.generator",
    msg("Load generator"),
    msg("Did the load generator have enough CPU time to measure correctly?"),
    Severity.WARNING,
)
ACHIEVED: Final = Check(
    "load.achieved",
    msg("Achieved load"),
    msg("Was the planned load reached, with enough requests?"),
    Severity.WARNING,
)
GATE: Final = Check(
    "load.gate",
    msg("Load test gate"),
    msg("Did response time, errors and throughput keep their limits under load?"),
    Severity.WARNING,
)
OPEN_LOOP: Final = Check(
    "load.open-loop",
    msg("Response time at a fixed arrival rate"),
    msg("Does a request that does not wait for others' answers meet the limit too?"),
    Severity.WARNING,
)
CAPACITY: Final = Check(
    "load.capacity",
    msg("Load capacity"),
    msg("Is the highest load that meets the SLO far enough above the production peak?"),
    Severity.WARNING,
)
REGRESSION: Final = Check(
    "load.regression",
    msg("Figures slower than in earlier load tests"),
    msg("Are all routes as fast as in comparable earlier load tests?"),
    Severity.WARNING,
)
DATABASE: Final = Check(
    "load.database",
    msg("Database under load"),
    msg("Did the database have connections left during the load test?"),
    Severity.INFORMATION,
)

CHECKS: Final = (VERDICT, TARGET, GENERATOR, ACHIEVED, GATE, OPEN_LOOP, CAPACITY, REGRESSION, DATABASE)
