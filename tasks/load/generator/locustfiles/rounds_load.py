"""Steps, records and signs of life of a load test: a Locust file that is loaded beside the team's own.

It imports nothing of opsrounds: workers on other machines get it from the master. `rounds_plan` is written for each
run.
"""

import ctypes
import functools
import json
import os
import signal
import struct
import sys
import time
from pathlib import Path
from typing import Any

import gevent
import gevent.resolver.thread
from gevent.event import Event
from locust import LoadTestShape, events, runners
from locust.clients import HttpSession
from locust.contrib.fasthttp import FastHttpSession
from rounds_fence import Fence
from rounds_plan import PLAN
from rounds_record import UNANSWERED, Health, Recorder, cause_of

_BEAT_S = 1.0
_FINAL_S = 15.0
_CUT_S = 1.0
_SKEW_S = 0.1
_ALONE_S = 15
_CA_FILE = PLAN["ca_file"] if PLAN["ca_file"] and Path(PLAN["ca_file"]).is_file() else None
fence = Fence(PLAN["hosts"])
recorder = Recorder()
waiting: dict[Any, float] = {}  # when the request of a greenlet began


def _watch_lookups() -> None:
    """Names are looked up in gevent's threads; what allowed ones resolve to may be connected to."""
    resolver = gevent.resolver.thread.Resolver

    def learning(name: str, addresses: Any) -> None:
        plain = getattr(resolver, name)

        @functools.wraps(plain)
        def looked_up(self: Any, host: Any, *args: Any, **kwargs: Any) -> Any:
            found = plain(self, host, *args, **kwargs)
            fence.learn(host, addresses(found))
            return found

        setattr(resolver, name, looked_up)

    learning("getaddrinfo", lambda found: [row[4][0] for row in found])
    learning("gethostbyname", lambda found: [found])
    learning("gethostbyname_ex", lambda found: found[2])


def _watch_requests(session: Any) -> None:
    """Locust forgets requests that have no answer when their user is stopped: those of a service that hangs."""
    plain = session.request

    @functools.wraps(plain)
    def request(self: Any, method: Any, url: Any, name: str | None = None, *args: Any, **kwargs: Any) -> Any:
        if session is HttpSession and self.verify is True and _CA_FILE:
            kwargs.setdefault("verify", _CA_FILE)
        started, key = time.time(), gevent.getcurrent()
        waiting[key] = started
        try:
            return plain(self, method, url, name, *args, **kwargs)
        except gevent.GreenletExit:
            named = name or self.request_name or str(url)
            recorder.add(named, started, (time.time() - started) * 1000, UNANSWERED)
            raise
        finally:
            waiting.pop(key, None)

    session.request = request


def _end_with_master() -> None:
    """In a worker that the master forked: the kernel ends it with the master."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, int(signal.SIGKILL))
        if os.getppid() == 1:
            os._exit(1)


@events.request.add_listener
def _on_request(
    name: str, response_time: float | None, exception: Any = None, response: Any = None, **more: Any
) -> None:
    ms = float(response_time or 0.0)
    started = more.get("start_time") or time.time() - ms / 1000
    cause = cause_of(exception, getattr(response, "status_code", None)) if exception else ""
    recorder.add(str(name), started, ms, cause)


@events.user_error.add_listener
def _on_user_error(user_instance: Any, exception: BaseException, **_: Any) -> None:
    name = type(getattr(user_instance, "user", user_instance)).__name__  # Locust gives a task set, too
    recorder.add(f"{name} (Locust file)", time.time(), 0.0, f"raised {type(exception).__name__}")


class Steps(LoadTestShape):
    """The profile's steps, each after its ramp-up. `tick` sleeps until there is something to do, to be exact."""

    abstract = True  # or Locust would take it for one of several shapes of its files

    def __init__(self, beat: "Beat") -> None:
        super().__init__()
        self._beat, self._index, self._until, self._last = beat, -1, 0.0, (0, 0.0)

    def tick(self) -> tuple[int, float] | None:
        """Users and users started in a second, from now on."""
        gevent.sleep(max(self._until - time.monotonic(), 0))
        self._index += 1
        if self._index >= len(PLAN["steps"]):
            self._beat.end()
            return None
        (users, seconds), ramp = PLAN["steps"][self._index], PLAN["ramp_up_s"]
        self._until = time.monotonic() + ramp + seconds
        self._beat.step = self._index
        self._beat.say("step", step=self._index)
        more = abs(users - self._last[0])
        if not more:
            self._beat.say("spawned")
            return self._last
        self._last = (users, max(more / ramp if ramp else float(more), 0.01))
        return self._last


class Beat:
    """Once a second: what was recorded since, to the file of the process that leads, or to the master."""

    def __init__(self, environment: Any) -> None:
        self.environment, self.runner = environment, environment.runner
        self.leads = not isinstance(self.runner, runners.WorkerRunner)
        self.master = isinstance(self.runner, runners.MasterRunner)
        self.step = -1
        self._health = Health()
        self._seconds: dict[int, list[Any]] = {}
        self._waiting: dict[str, int] = {}
        self._skew: dict[str, float] = {}
        self._final: set[str] = set()
        self._all_final = Event()
        self._complete = False
        self._number = 0
        if self.leads:
            folder = Path(PLAN["folder"])
            self._progress = (folder / "progress.jsonl").open("a", encoding="utf-8")
            self._blocks = (folder / "blocks.bin").open("ab")
        gevent.spawn(self._health.follow_timers, gevent.sleep)
        gevent.spawn(self._for_ever)

    def _for_ever(self) -> None:
        due = time.monotonic()
        while True:
            due = max(due + _BEAT_S, time.monotonic() - _BEAT_S)
            gevent.sleep(max(due - time.monotonic(), 0))
            self.pass_on()

    def say(self, kind: str, **more: Any) -> None:
        """A line for whoever started the test; workers are silent."""
        if self.leads:
            self._progress.write(json.dumps({"kind": kind, "at": time.time(), **more}) + "\n")
            self._progress.flush()

    def pass_on(self, final: bool = False) -> None:
        """Everything since the last call, to where it is kept."""
        block = {
            **recorder.take(),
            "process": "master" if self.leads else self.runner.client_id,
            "health": self._health.take(),
            "refused": list(fence.refused),
            "waiting": len(waiting),
            "sent": time.time(),
            "number": self._number,
            "final": final,
        }
        self._number += 1
        if not self.leads:
            self.runner.send_message("rounds", block)
            return
        self._keep(block, 0.0)
        self._tell()

    def final(self) -> None:
        """In a worker whose users have stopped: Locust's figures first, so that the master has both when it goes on."""
        self.runner._send_stats()
        self.pass_on(final=True)

    def received(self, environment: Any, msg: Any, **_: Any) -> None:
        """A worker's block; its clock may be another one."""
        block = msg.data
        skew = min(time.time() - block["sent"], self._skew.get(msg.node_id, float("inf")))
        self._skew[msg.node_id] = skew
        self._keep(block, skew if abs(skew) > _SKEW_S else 0.0)
        if block["final"]:
            self._final.add(msg.node_id)
            if self._final >= set(self.runner.clients):
                self._all_final.set()

    def _keep(self, block: dict[str, Any], skew: float) -> None:
        rows = block.pop("rows")
        for second, count, failed, samples in block.pop("seconds"):
            kept = self._seconds.setdefault(int(second + skew), [0, 0, []])
            kept[0] += count
            kept[1] += failed
            kept[2] += samples
        self._waiting[block["process"]] = block["waiting"]
        fence.refused.update(dict.fromkeys(block["refused"][:20]))
        head = json.dumps({**block, "skew": skew}).encode()
        self._blocks.write(struct.pack("<II", len(head), len(rows)) + head + rows)
        self._blocks.flush()

    def _tell(self) -> None:
        """Whole seconds only, and those of workers after the next of their blocks."""
        ready = int(time.time()) - (2 if self.master else 0)
        seconds = {second: self._seconds.pop(second) for second in sorted(self._seconds) if second < ready}
        told = [
            [second, count, failed, sorted(samples)[int(len(samples) * 0.95)] if samples else None]
            for second, (count, failed, samples) in seconds.items()
        ]
        workers = self.runner.worker_count if self.master else 0
        users, refused = self.runner.user_count, list(fence.refused)
        self.say(
            "now", step=self.step, users=users, workers=workers, seconds=told, waiting=sum(self._waiting.values()),
            refused=refused,
        )  # fmt: skip

    def end(self) -> None:
        """The last step is over: users finish what they do, and nothing is lost that workers recorded."""
        self.say("end")
        self._complete = True
        if self.master:
            for client in list(self.runner.clients):
                self.runner.send_message("rounds-end", {}, client)
            self._all_final.wait(self.environment.stop_timeout + _FINAL_S)
            self._complete = self._final >= set(self.runner.clients)

    def stop_users(self, environment: Any, msg: Any, **_: Any) -> None:
        """In a worker: the master said that the last step is over."""
        self.runner.stop()

    def cut(self) -> None:
        """SIGTERM, which Locust handles only once its shape is over: users stop at once, open requests count."""
        self.environment.stop_timeout = 0.0
        self.step = -1  # from here on nobody misses a worker
        for client in list(self.runner.clients) if self.master else ():
            self.runner.send_message("quit", {}, client)  # those on other machines do not end with this process
        with gevent.Timeout(_CUT_S, False):
            self.runner.stop(*([False] if self.master else []))
            gevent.sleep(_CUT_S if self.master else 0)
        self.closed()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)

    def closed(self) -> None:
        """The process ends: what is left, and Locust's own figures."""
        if not self.leads:
            return
        self.pass_on()
        total = self.environment.stats.total
        self.say(
            "locust",
            requests=total.num_requests,
            failures=total.num_failures,
            p95=total.get_response_time_percentile(0.95),
            p99=total.get_response_time_percentile(0.99),
            per_second=total.total_rps,
            complete=self._complete,
        )


def _without_users(environment: Any) -> list[str]:
    """Files of the team that give no users, where others do: what they test would be left out silently."""
    known = {name: vars(sys.modules.get(Path(name).stem, object)) for name in PLAN["scenarios"]}
    users = set(environment.user_classes)
    empty = [name for name, inside in known.items() if not any(value in users for value in _classes(inside))]
    return [] if len(empty) == len(known) else empty


def _classes(inside: Any) -> list[type]:
    return [value for value in inside.values() if isinstance(value, type)]


@events.init.add_listener
def _on_init(environment: Any, **_: Any) -> None:
    beat = Beat(environment)
    if beat.master:
        environment.parsed_options.expect_workers = PLAN["workers"]
        environment.runner.register_message("rounds", beat.received)
    if beat.leads:
        environment.shape_class = Steps(beat)
        gevent.signal_handler(signal.SIGTERM, beat.cut)
    else:
        runners.MASTER_HEARTBEAT_TIMEOUT = _ALONE_S  # a worker whose master was killed goes on with the load so long
        environment.runner.register_message("rounds-end", beat.stop_users, concurrent=True)
        environment.events.test_stop.add_listener(lambda **_: beat.final())
    environment.events.spawning_complete.add_listener(lambda **_: beat.say("spawned"))
    environment.events.quit.add_listener(lambda **_: beat.closed())

    def _hurry(**_: Any) -> None:
        environment.stop_timeout = 0.0  # it is being ended from outside

    environment.events.quitting.add_listener(_hurry)
    beat.say("ready", empty=_without_users(environment))


_watch_lookups()
_watch_requests(HttpSession)
_watch_requests(FastHttpSession)
os.register_at_fork(after_in_child=_end_with_master)
sys.addaudithook(fence.hook())
