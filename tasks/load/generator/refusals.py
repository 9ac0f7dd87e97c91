"""What is refused before anything is sent."""

from urllib.parse import urlsplit

from tasks.configuration import ConfigurationError
from tasks.errors import UsageError
from tasks.load.generator.plan import scenario_files
from tasks.load.settings import Load, Profile
from tasks.settings import Settings

_PRODUCTION = "production"


def refuse(settings: Settings, load: Load, profile: Profile, *, production: bool) -> None:
    """Raises UsageError for production without the option, ConfigurationError for what the service file has wrong."""
    if not production and (where := _production(settings, load)):
        raise UsageError(
            f"{where}: load tests of production run only with the option for it (production = true, --production)"
        )
    problems = [*_beyond_limits(load, profile), *_unusable_files(settings, load)]
    if not load.allows(load.base_url):
        problems.append("load.base_url: its host is not in load.hosts")
    if problems:
        raise ConfigurationError(settings.path, problems)


def _production(settings: Settings, load: Load) -> str | None:
    if load.environment.casefold() == _PRODUCTION:
        return "load.environment is production"
    if settings.service.environment.casefold() != _PRODUCTION:
        return None
    places = {"service.base_url": settings.service.base_url}
    places |= {f"the base_url of the instance {instance.name}": instance.base_url for instance in settings.instances}
    same = [name for name, url in places.items() if _place(url) == _place(load.base_url)]
    return f"load.base_url is {same[0]}, which is production" if same else None


def _place(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    loopback = host in ("localhost", "127.0.0.1", "::1")
    return "localhost" if loopback else host, parts.port or (443 if parts.scheme == "https" else 80)


def _beyond_limits(load: Load, profile: Profile) -> list[str]:
    limits, name = load.limits, f"profile {profile.name}"
    rate = profile.most_users * (profile.rate_per_user or 0)
    found = []
    if profile.most_users > limits.max_users:
        found.append(f"{name}: {profile.most_users} users are more than load.limits.max_users, {limits.max_users}")
    if profile.duration_s > limits.max_duration_s:
        most = f"load.limits.max_duration_s, {limits.max_duration_s:g}"
        found.append(f"{name}: {profile.duration_s:g} s are more than {most}")
    if rate > limits.max_per_second:
        found.append(f"{name}: {rate:g} requests/s are more than load.limits.max_per_second, {limits.max_per_second:g}")
    if load.probe.per_second > limits.max_per_second:
        found.append("load.probe.per_second is more than load.limits.max_per_second")
    return found


def _unusable_files(settings: Settings, load: Load) -> list[str]:
    files = scenario_files(settings, load)
    found = []
    for path in files:
        if not path.is_file():
            found.append(f"load.scenarios: {path} is not a file")
        elif path.suffix != ".py":
            found.append(f"load.scenarios: {path} does not end with .py")
        elif "," in str(path):
            found.append(f"load.scenarios: {path} has a comma in it, which Locust takes for two files")
    stems = [path.stem for path in files]
    if twice := sorted({stem for stem in stems if stems.count(stem) > 1}):
        found.append(f"load.scenarios: two files are named {twice[0]}.py; Locust needs different names")
    if any(stem.startswith("rounds_") or stem in ("locust", "gevent") for stem in stems):
        found.append("load.scenarios: a file must not be named rounds_….py, locust.py or gevent.py")
    return found
