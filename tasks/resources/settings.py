"""[resources] of a service file."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from tasks.configuration import Model, each_once
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


class NodeExporters(Model):
    """The hosts that node_exporter watches: all that match, and those that must be among them."""

    selector: Annotated[str, AfterValidator(_matchers)]
    instances: tuple[Annotated[str, Field(min_length=1)], ...] = ()

    @field_validator("instances")
    @classmethod
    def _instances(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        each_once(value, "an instance")
        return value


class Resources(Model):
    """Which machines are measured: the one the round runs on, or those that Prometheus knows."""

    host: bool = True
    container: bool | Literal["auto"] = "auto"
    mounts: tuple[Annotated[str, AfterValidator(_mount)], ...] = ()
    interval_s: Annotated[float, Field(gt=0, le=60)] = 2.0
    prometheus: NodeExporters | None = None
    limits: ResourceLimits = ResourceLimits()

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
