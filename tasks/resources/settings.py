"""[resources] of a service file."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from tasks.configuration import Called, Model, each_once
from tasks.resources.limits import ResourceLimits

_MATCHER = r'[a-zA-Z_][a-zA-Z0-9_]*\s*(=|!=|=~|!~)\s*"([^"\\\n]|\\.)*"'


def _matchers(value: str) -> str:
    if not re.fullmatch(rf"\s*{_MATCHER}(\s*,\s*{_MATCHER})*\s*", value):
        raise ValueError('must be label matchers such as job="node", separated by commas and without braces')
    return value.strip()


def _mount(value: str) -> str:
    if not value.startswith("/") or "\0" in value:
        raise ValueError("must be a mount point such as /var: an absolute path")
    return value.rstrip("/") or "/"


MountPoint = Annotated[str, AfterValidator(_mount), Called("absolute path", "absolute paths")]


class NodeExporters(Model):
    """The hosts that node_exporter watches: all that match, and those that must be among them."""

    selector: Annotated[str, AfterValidator(_matchers), Called("label matchers", "label matchers")]
    """Such as `'job="node"'`; every host that matches is checked."""

    instances: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    """Hosts that must be among them, as in the label `instance`; each once."""

    @field_validator("instances")
    @classmethod
    def _instances(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        each_once(value, "an instance")
        return value


class Resources(Model):
    """Which machines are measured: the one the round runs on, or those that Prometheus knows."""

    host: bool = True
    """Whether the machine that the flow runs on is checked; ignored if `prometheus` is set."""

    container: bool | Literal["auto"] = "auto"
    """Whether the control group of the flow is checked: `"auto"`, if it has a limit; true, always, and it must have
    one; false, never."""

    mounts: tuple[MountPoint, ...] = ()
    """Mount points of this machine, each once; without any, every disk."""

    interval_s: Annotated[float, Field(gt=0, le=60)] = 2.0
    """How long counters are observed."""

    prometheus: NodeExporters | None = None
    """Hosts watched by node_exporter, instead of this machine; needs `[metrics]`."""

    limits: ResourceLimits = ResourceLimits()
    """Limits of hosts and containers. A value above a `warn_` limit is WARN, above a `fail_` limit FAIL; a `warn_`
    limit must not be above its `fail_` limit."""

    @field_validator("mounts")
    @classmethod
    def _mounts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        each_once(value, "a mount point")
        return value

    @model_validator(mode="after")
    def _mounts_are_local(self) -> Self:
        if self.mounts and (self.prometheus is not None or not self.host):
            raise ValueError(
                "mounts are read on the machine that runs the round: remove them, or use host without prometheus"
            )
        return self
