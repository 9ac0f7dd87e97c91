"""The Prometheus of a service, ready to be asked."""

import math
from contextlib import AbstractAsyncContextManager

from tasks.prometheus.observe import Prometheus, open_prometheus
from tasks.prometheus.settings import Metrics
from tasks.secrets import resolve
from tasks.settings import Settings


def prometheus_of(
    settings: Settings, metrics: Metrics, longest_s: float = math.inf
) -> AbstractAsyncContextManager[Prometheus]:
    """A client as [metrics] says; a query takes at most `longest_s`.

    Raises ConfigurationError for a secret that cannot be resolved, UsageError for a CA file or header that cannot be
    used.
    """
    headers = {name: resolve(value, settings, f"metrics.headers.{name}") for name, value in metrics.headers.items()}
    ca_file = None if metrics.ca_file is None else settings.path.parent / metrics.ca_file
    timeout_s = min(metrics.timeout_s, longest_s)
    return open_prometheus(metrics.prometheus_url, headers=headers, ca_file=ca_file, timeout_s=timeout_s)
