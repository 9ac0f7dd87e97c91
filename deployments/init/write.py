"""The text of a service file: what was found, how it was decided, and a stub for what was not found."""

from collections.abc import Iterator

from deployments.init.discovery import MOST_ROUTES, Discovery
from deployments.init.infer import DEFAULTS, Log
from deployments.init.metrics import Histogram, Known
from deployments.init.notes import said
from deployments.init.requests import Requests
from deployments.init.summary import requests_summary
from reports.words import LOCALES, Words
from tasks.check_result import Message
from tasks.toml import comment, listed, quoted

_MOST_HISTOGRAMS = 20
_MOST_NAMED = 100
_MOST_OTHERS = 10
_CHECK = "check this / 要確認: "


def document(discovery: Discovery, words: Words) -> str:
    """A whole service file."""
    parts = (
        *(_service, _reports, _health, _logs, _routes, _metrics, _resources, _database, _security, _load, _slo, _mail),
        _guide,
    )
    return "\n\n".join("\n".join(part(discovery, words)) for part in parts) + "\n"


def _service(discovery: Discovery, _: Words) -> Iterator[str]:
    often, rare = discovery.modules()
    yield "# Written by `rounds init`; check it with `rounds config check FILE`."
    yield "# `rounds init` が書いたファイルです。「要確認」の行を確認してください。"
    yield ""
    yield "# Who is operated, and where / 対象サービス"
    yield "[service]"
    yield f"name = {quoted(discovery.name)}"
    yield f"base_url = {quoted(discovery.base_url)}"
    if not discovery.zone_given:
        yield comment(
            f"{_CHECK}the time zone of this machine; days begin and 09:00 is in it / このマシンのタイムゾーン"
        )
    yield f"timezone = {quoted(discovery.timezone)}"
    yield '# owner = "team-name"             # shown beside each action / 対応者'
    if often:
        yield "# Modules that must write to the log every hour / 毎時ログに書くはずのモジュール"
        yield f"modules = {listed(often)}"
    if rare:
        yield comment(f"seen less often, or with a name of another form / その他: {', '.join(rare[:_MOST_NAMED])}")
    yield ""
    yield "# Running copies, each checked by itself; without any, base_url is the only one / インスタンス"
    yield "# [[instances]]"
    yield '# name = "a"'
    yield '# base_url = "https://a.internal.example.com"'


def _reports(_: Discovery, words: Words) -> Iterator[str]:
    yield "# Languages of the reports; the first is the main one, also of mails / レポートの言語（先頭が既定）"
    yield "[reports]"
    yield f"locales = {listed((words.locale, *(other for other in LOCALES if other != words.locale)))}"


def _health(discovery: Discovery, words: Words) -> Iterator[str]:
    found = discovery.found
    yield "# Health endpoints / ヘルスチェック"
    yield from (comment(said(note, words)) for note in found.notes)
    yield "[health]"
    for key, path, example in (
        ("live", found.live, "/livez"),
        ("ready", found.ready, "/readyz"),
        ("report", found.report, "/health"),
    ):
        yield f"{key} = {quoted(path)}" if path else f'# {key} = "{example}"   # not found / 見つかりません'
    components = () if found.body is None else tuple(dict.fromkeys(part.name for part in found.body.components))
    if components:
        yield "# must be in the health report / ヘルスレポートに必要なコンポーネント"
        yield f"components = {listed(components)}"
    if discovery.requests:
        yield "# test requests for errors and response time: answered 2xx now / テストリクエスト"
        yield f"requests = {listed(discovery.requests)}"
    else:
        yield '# requests = ["/"]   # no path that answers 2xx was found / 見つかりません'
    yield '# headers = { Authorization = { env = "SERVICE_AUTHORIZATION" } }'


def _logs(discovery: Discovery, words: Words) -> Iterator[str]:
    yield "# Logs / ログ"
    names = iter(discovery.source_names())
    for log in discovery.logs:
        yield from (comment(f"{_CHECK}{words.say(problem)}") for problem in log.sample.problems)
        if log.format is None:
            yield comment(f"{log.sample.where}: {_unread(log)}")
        else:
            yield from _source(discovery, log, next(names), words)
    if not discovery.readable:
        yield "# [[logs.source]]"
        yield '# name = "app"'
        yield '# kind = "file"                   # or "command", "loki"'
        yield '# paths = ["/var/log/app/*.log*"]'


def _unread(log: Log) -> str:
    if not log.lines:
        return "no line could be read / 行がありません"
    return f"{log.unread} of {log.lines} lines are neither JSON nor combined: no source / 読めない形式です"


def _source(discovery: Discovery, log: Log, name: str, words: Words) -> Iterator[str]:
    yield comment(f"{log.lines} lines read, {log.unread} of them unreadable, {log.requests} requests")
    yield from (comment(said(note, words)) for note in log.notes)
    yield from (comment(f"{_CHECK}{said(doubt, words)}") for doubt in log.doubts)
    yield "[[logs.source]]"
    yield f"name = {quoted(name)}"
    if log.sample.command:
        yield 'kind = "command"'
        yield f"command = {listed(log.sample.command)}"
    else:
        yield 'kind = "file"'
        yield "# rotated files too: end it in * / ローテーションも読むには末尾を * に"
        yield f"paths = {listed(log.sample.paths)}"
    yield f"format = {quoted(log.format or '')}"
    if not discovery.counts_requests(log):
        yield comment(f"{_CHECK}another source counts the requests / リクエストは別のログで数えます")
        yield "requests = false"
    elif not log.requests:
        yield comment("no line has a status: no requests / リクエストのないログ")
        yield "requests = false"
    if "duration" in log.fields:
        yield f"duration_unit = {quoted(log.unit)}"
    default = [target for target, field in log.fields.items() if field == DEFAULTS[target]]
    if default:
        yield comment(f"with default names / 既定の名前: {', '.join(default)}")
    if mapped := {target: field for target, field in log.fields.items() if field != DEFAULTS[target]}:
        yield "[logs.source.fields]"
        yield from (f"{target} = {quoted(field)}" for target, field in mapped.items())


def _routes(discovery: Discovery, _: Words) -> Iterator[str]:
    routes = discovery.routes()
    known = [route for route in routes if route.module]
    active, rare = known[:MOST_ROUTES], known[MOST_ROUTES:]
    yield "# Routes and the modules that answer them; the first that matches counts / ルートとモジュール"
    # /items/export stands before /items/:id, which would match it too.
    for route in sorted(active, key=lambda r: [(part.startswith(":"), part) for part in r.pattern.split("/")]):
        yield "[[routes]]"
        yield f"pattern = {quoted(route.pattern)}"
        yield f"module = {quoted(route.module or '')}"
    unknown = [route for route in routes if not route.module]
    for what, others in (("less often / 少数", rare), ("no module known / モジュール不明", unknown)):
        if others:
            named = ", ".join(route.pattern for route in others[:_MOST_OTHERS])
            yield comment(f"{what} ({len(others)}): {named}")
    if not active:
        yield "# [[routes]]"
        yield '# pattern = "/api/items/:id"'
        yield '# module = "items"'


def _metrics(discovery: Discovery, words: Words) -> Iterator[str]:
    yield "# Metrics / メトリクス"
    if discovery.found.metrics:
        yield comment(f"the service's own page is {discovery.found.metrics}; it is read through Prometheus only")
        yield from _histograms(discovery.histograms)
    if isinstance(discovery.known, Known):
        yield "[metrics]"
        yield f"prometheus_url = {quoted(discovery.prometheus_url or '')}"
        yield from _histograms(discovery.known.histograms)
        return
    if discovery.known is not None:
        yield comment(f"{_CHECK}{words.say(discovery.known)}")
    yield "# [metrics]"
    yield f"# prometheus_url = {quoted(discovery.prometheus_url or 'http://prometheus:9090')}"


def _histograms(histograms: tuple[Histogram, ...]) -> Iterator[str]:
    if not histograms:
        yield "# no histogram of requests was found / リクエストのヒストグラムはありません"
    for histogram in histograms[:_MOST_HISTOGRAMS]:
        limit = "0.2 s is a bound" if histogram.has_limit else "no bound at 0.2 s: the guide's p95 cannot be exact"
        yield comment(f"{histogram.name}: le {' '.join(histogram.bounds)} ({limit})")


def _resources(discovery: Discovery, _: Words) -> Iterator[str]:
    yield "# Machines: CPU, memory, disks / マシンのリソース"
    if discovery.selector is not None and isinstance(discovery.known, Known):
        yield comment(f"{_CHECK}every matching host is checked / 一致する全ホスト")
        yield from (comment(f"other job of node_exporter: {job}") for job in discovery.known.other_jobs)
        yield "[resources.prometheus]"
        yield f"selector = {quoted(discovery.selector)}"
        return
    if discovery.local:
        yield comment(f"{_CHECK}the service runs on this machine, so this machine is checked / このマシンを確認します")
        yield "[resources]"
        yield "host = true"
        return
    yield "# [resources]"
    yield "# host = true                     # the machine that runs opsrounds / このマシン"
    yield "# [resources.prometheus]"
    yield """# selector = 'job="node"'         # needs [metrics]"""


def _database(discovery: Discovery, words: Words) -> Iterator[str]:
    yield "# The service's PostgreSQL, read with a role that has pg_monitor / データベース"
    if discovery.database_problem:
        yield comment(f"{_CHECK}{said(discovery.database_problem, words)}")
    if discovery.database is None:
        yield "# [database]"
        yield '# url = { env = "SERVICE_DATABASE_URL" }'
        return
    yield "[database]"
    if discovery.database.variable is None:
        yield f"url = {quoted(discovery.database.url or '')}"
    else:
        yield f"url = {{ env = {quoted(discovery.database.variable)} }}"


def _security(discovery: Discovery, _: Words) -> Iterator[str]:
    yield "# Source tree for the security scan / セキュリティスキャンの対象"
    source = discovery.source
    if source is None:
        yield "# [source]"
        yield '# path = "../shop"                # folder of the source tree / ソースツリー'
        yield "# [security]"
        return
    if source.left_out:
        yield comment(f"{_CHECK}{source.left_out} files are too large or cannot be read / 読めないファイル")
    yield "[source]"
    yield f"path = {quoted(source.path)}"
    if source.excludes:
        yield comment(f"{_CHECK}code of others, by the name of its folder / 外部のコードを除外")
        yield f"exclude = {listed(source.excludes)}"
    if source.locks:
        yield comment(f"lock files found, as every scan finds them / ロックファイル: {', '.join(source.locks)}")
    for file in source.unlocked:
        yield comment(f"{_CHECK}no lock file pins the packages of {file} / ロックファイルがありません")
    if not source.locks:
        yield '# locks = ["requirements.txt"]'
        yield '# no_dependencies = "why / 理由"   # until then the scan of packages fails / 設定するまで失敗'
    if not source.python:
        yield 'no_python = "rounds init found no Python file / Python ファイルなし"'
    if source.baseline is not None:
        yield f"secrets_baseline = {quoted(source.baseline)}"
    yield ""
    yield "[security]"


def _load(_: Discovery, __: Words) -> Iterator[str]:
    yield "# Load tests of staging by your Locust files / ステージングの負荷テスト"
    yield "# [load]"
    yield '# base_url = "https://staging.example.com"'
    yield '# hosts = ["staging.example.com"]   # load goes nowhere else / 負荷をかけてよいホスト'
    yield '# scenarios = ["load/locustfile.py"]'
    yield '# identity = { path = "/health" }   # its field "environment" says staging / 環境名の確認'
    yield '# probe = { path = "/" }            # an ordinary request that changes nothing / 変更を伴わないリクエスト'


def _slo(discovery: Discovery, words: Words) -> Iterator[str]:
    yield "# Objectives: without any here, the six of the guide apply / サービスレベル目標（なければガイドの 6 つ）"
    yield "# [slo]"
    yield "# since = 2026-11-01              # days before it count as not yet running / この日より前は対象外"
    yield "# [[slo.objective]]"
    yield '# name = "availability"'
    yield '# kind = "availability"'
    yield "# target = 0.999"
    if isinstance(discovery.known, Known):
        yield ""
        yield "# Requests in Prometheus; with a log, the guide's objectives are by the log / メトリクスのリクエスト"
        yield from (comment(said(note, words)) for note in requests_summary(discovery.known.requests))
        yield from _slo_prometheus(discovery.known.requests)


def _slo_prometheus(requests: Requests | None) -> Iterator[str]:
    """The metrics and labels that were found: as they stand where they gave figures, else commented out."""
    if requests is None:
        yield "# [slo.prometheus]"
        yield '# requests = "http_request_duration_seconds_count"'
        yield '# status_label = "status"'
        return
    sli, off = requests.sli, "" if requests.certain else "# "
    if requests.within_ms:
        bounds = " | ".join(f"{bound:g}" for bound in requests.within_ms)
        yield comment(f"within_ms of a latency objective, by the bounds / レイテンシ目標に使える境界: {bounds}")
    yield f"{off}[slo.prometheus]"
    yield f"{off}requests = {quoted(sli.requests)}"
    yield f"{off}selector = {quoted(sli.selector)}   # {_CHECK}its requests alone / このサービスだけを選ぶ条件"
    if sli.duration is not None:
        yield f"{off}duration = {quoted(sli.duration)}"
        yield f"{off}duration_unit = {quoted(sli.duration_unit)}"
    for label in requests.labels:
        value = getattr(sli, label)
        yield f"{off}{label} = {quoted(value) if isinstance(value, str) else listed(value)}"


def _mail(_: Discovery, __: Words) -> Iterator[str]:
    yield "# Without recipients no mail is written / 宛先がなければメールは作りません"
    yield "# [mail]"
    yield '# smtp = "smtp+starttls://mail.example.com"'
    yield '# to = [{ address = "oncall@example.com", locale = "ja" }]'


def _guide(discovery: Discovery, _: Words) -> Iterator[str]:
    yield "# Items of the daily checklist / 日次チェックリストの項目"
    yield "[guide.daily]"
    if not discovery.logs:
        yield "# Delete this line when there is a [[logs.source]] / ログを設定したら消してください"
        yield 'error-logs = { not_applicable = "no log was given to rounds init / ログの指定なし" }'
    elif not discovery.readable:
        yield '# error-logs = { not_applicable = "why / 理由" }   # until then the round is Incomplete'
    if not discovery.resources_asked:
        why = "no machine, Prometheus or database was given to rounds init / 指定なし"
        if discovery.known is not None:
            why = "Prometheus has no node_exporter, and no database was given / 対象なし"
        yield "# Delete this line when [resources] or [database] is set / 設定したら消してください"
        yield f"resources = {{ not_applicable = {quoted(why)} }}"
    elif isinstance(discovery.known, Message) and not discovery.local and discovery.database is None:
        yield '# resources = { not_applicable = "why / 理由" }    # until then the round is Incomplete'
    yield "# Delete this line once `rounds up` runs / `rounds up` を始めたら消してください"
    yield 'schedule = { not_applicable = "not monitored yet / 監視の開始前" }'
    if discovery.checklist is not None:
        yield comment(f"of the guide, built in / ガイドのうち組み込み済み: {len(discovery.checklist.known)}")
        if discovery.checklist.other:
            yield "# Of the guide, not built in: choose checks or a reason / ガイドのその他の項目"
        for line in discovery.checklist.other:
            yield f'# {quoted(line)} = ["health.errors"]   # or {{ not_applicable = "why / 理由" }}'
