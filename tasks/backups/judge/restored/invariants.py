"""Whether a restored database keeps what must always be true of the data."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import isfinite

from tasks.backups import facts
from tasks.backups.checks import INVARIANTS
from tasks.backups.facts import Answer, Contents, Drill, DrillStep, StepOutcome
from tasks.backups.judge.restored.expected import bounded, brief, of_its_snapshot
from tasks.backups.reasons import not_reached
from tasks.backups.settings import Invariant
from tasks.check_result import CheckResult, Limit, Message, Quantity, Scalar, Status, Table, msg
from tasks.observation import Unobserved


@dataclass(frozen=True, slots=True)
class _Finding:
    name: str
    status: Status
    reason: Message


def judge_invariants(subject: str, drill: Drill, invariants: Sequence[Invariant], now: datetime) -> CheckResult:
    """Foreign keys, unique columns, sequences and the team's own rules: none may be broken."""
    copy = drill.contents
    if copy is None:
        return INVARIANTS.judged(Status.UNKNOWN, subject, not_reached(drill), at=now)
    answers = {answer.name: answer for answer in drill.answers}
    findings = [
        *_violations(copy),
        *(found for numbers in copy.sequences if (found := _sequence(numbers))),
        *_set_back(copy, of_its_snapshot(drill)),
        *(found for invariant in invariants if (found := _declared(invariant, answers.get(invariant.name)))),
        *_constraints_in_doubt(drill),
    ]
    broken = [finding for finding in findings if finding.status is Status.FAIL]
    limit = Limit("=", 0, "", msg("no violations"))
    evidence = _evidence([*broken, *(finding for finding in findings if finding not in broken)])
    if findings and not broken:
        return INVARIANTS.judged(Status.UNKNOWN, subject, findings[0].reason, at=now, limit=limit, evidence=evidence)
    status, reason = (
        (Status.FAIL, broken[0].reason) if broken else (Status.PASS, _all_hold(drill, copy, len(invariants)))
    )
    observed = Quantity(len(broken))
    return INVARIANTS.judged(status, subject, reason, at=now, observed=observed, limit=limit, evidence=evidence)


def _violations(copy: Contents) -> list[_Finding]:
    return [
        _Finding(
            violation.constraint,
            Status.FAIL,
            msg(
                "{rows} rows of {table} violate the constraint {constraint}",
                rows=violation.rows,
                table=brief(violation.table),
                constraint=brief(violation.constraint),
            ),
        )
        for violation in copy.violations
        if violation.rows
    ]


def _sequence(numbers: facts.Sequence) -> _Finding | None:
    if numbers.highest is None or (numbers.last is not None and numbers.last >= numbers.highest):
        return None
    names: dict[str, Scalar] = {
        "sequence": brief(numbers.name),
        "column": brief(numbers.column),
        "highest": numbers.highest,
    }
    if numbers.last is None:
        reason = msg(
            "The sequence {sequence} was never used, but {column} already goes up to {highest}: inserts will fail",
            **names,
        )
    else:
        reason = msg(
            "The sequence {sequence} would give {next} next, but {column} already goes up to {highest}: "
            "inserts will fail",
            next=numbers.last + 1,
            **names,
        )
    return _Finding(numbers.name, Status.FAIL, reason)


def _set_back(copy: Contents, snapshot: Contents | None) -> list[_Finding]:
    """Sequences behind those of the snapshot: numbers that were given already would be given again."""
    before = {numbers.name: numbers.last for numbers in snapshot.sequences} if snapshot else {}
    found = {numbers.name: numbers.last for numbers in copy.sequences}
    return [
        _Finding(
            name,
            Status.FAIL,
            msg(
                "The sequence {sequence} stands at {found}, but at {recorded} in the manifest: numbers will be used "
                "twice",
                sequence=brief(name),
                found=found[name] or 0,
                recorded=last,
            ),
        )
        for name, last in before.items()
        if last is not None and name in found and (found[name] or 0) < last
    ]


def _declared(invariant: Invariant, answer: Answer | None) -> _Finding | None:
    if answer is None:
        reason = msg("The invariant {name} was not checked on the restored database", name=invariant.name)
        return _Finding(invariant.name, Status.UNKNOWN, reason)
    if isinstance(answer.value, Unobserved):
        return _Finding(invariant.name, Status.UNKNOWN, answer.value.reason)
    # Not the other way round: NaN is within nothing.
    if (invariant.min is None or answer.value >= invariant.min) and (
        invariant.max is None or answer.value <= invariant.max
    ):
        return None
    return _Finding(invariant.name, Status.FAIL, _outside(invariant, answer.value))


def _outside(invariant: Invariant, value: float) -> Message:
    figures: dict[str, Scalar] = {"name": invariant.name, "value": value if isfinite(value) else str(value)}
    if invariant.max is None:
        return msg("{name} is {value}; it must be at least {least}", least=invariant.min, **figures)
    if invariant.min is None:
        return msg("{name} is {value}; it must be at most {most}", most=invariant.max, **figures)
    return msg(
        "{name} is {value}; it must be between {least} and {most}",
        least=invariant.min,
        most=invariant.max,
        **figures,
    )


def _by_restore(drill: Drill) -> bool:
    """True where the restore itself had to build every constraint."""
    return drill.form is not None and not drill.form.physical


def _constraints_in_doubt(drill: Drill) -> list[_Finding]:
    step = drill.step(DrillStep.RESTORE)
    if not _by_restore(drill) or (step is not None and step.outcome is StepOutcome.PASSED):
        return []
    reason = msg("The restore did not complete: whether its constraints hold is unknown")
    return [_Finding(DrillStep.RESTORE.value, Status.UNKNOWN, reason)]


def _all_hold(drill: Drill, copy: Contents, declared: int) -> Message:
    numbers: dict[str, Scalar] = {"sequences": len(copy.sequences), "declared": declared}
    if _by_restore(drill):
        return msg(
            "The restore checked all constraints; sequences checked: {sequences}, declared invariants "
            "checked: {declared}",
            **numbers,
        )
    return msg(
        "No orphaned or duplicate rows were found; sequences checked: {sequences}, declared invariants "
        "checked: {declared}",
        **numbers,
    )


def _evidence(findings: Sequence[_Finding]) -> tuple[Table, ...]:
    if not findings:
        return ()
    rows = ((brief(finding.name), finding.status.value, finding.reason) for finding in findings)
    return (
        bounded(
            msg("Invariants that are violated or could not be checked"),
            (msg("Invariant"), msg("Status"), msg("Finding")),
            rows,
        ),
    )
