"""Control groups of version 1, version 2 and both, as files under a folder."""

from dataclasses import replace
from pathlib import Path

import pytest

from tasks.observation import Absent, Unobserved
from tasks.resources.facts import Container, CpuQuota, MemoryLimit, OomKills
from tasks.resources.observe import read_container

V2 = "30 24 0:26 {root} /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
V1 = (
    "31 24 0:27 {root} /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
    "32 24 0:28 {root} /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
)


@pytest.fixture
def tree(tmp_path: Path) -> "Tree":
    return Tree(tmp_path)


class Tree:
    """A copy of /proc/self and /sys/fs/cgroup; a group is named by its folder below the mount."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def proc(self, cgroup: str, mounts: str, mount_root: str = "/") -> None:
        self.file("proc/self/cgroup", cgroup)
        self.file("proc/self/mountinfo", mounts.replace("{root}", mount_root))

    def file(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def v2(
        self, group: str = "", *, cpu: str = "50000 100000", limit: str = "1000", events: str = "oom_kill 2"
    ) -> None:
        for name, text in {
            "cpu.max": cpu,
            "cpu.stat": "usage_usec 5\nnr_periods 100\nnr_throttled 30\nthrottled_usec 9\n",
            "memory.max": limit,
            "memory.current": "900",
            "memory.stat": "anon 10\ninactive_file 400\n",
            "memory.events": f"low 0\n{events}\n",
        }.items():
            self.file(f"sys/fs/cgroup/{group}/{name}", text)

    def v1(self, group: str = "", *, quota: str = "50000", limit: str = "1000") -> None:
        cpu, memory = f"sys/fs/cgroup/cpu,cpuacct/{group}", f"sys/fs/cgroup/memory/{group}"
        for name, text in {
            f"{cpu}/cpu.cfs_quota_us": quota,
            f"{cpu}/cpu.cfs_period_us": "100000",
            f"{cpu}/cpu.stat": "nr_periods 100\nnr_throttled 30\nthrottled_time 9\n",
            f"{memory}/memory.limit_in_bytes": limit,
            f"{memory}/memory.usage_in_bytes": "900",
            f"{memory}/memory.stat": "inactive_file 1\ntotal_inactive_file 400\n",
            f"{memory}/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
        }.items():
            self.file(name, text)

    def read(self) -> Container:
        """The container, without the name of its counter of kills, which is the kernel's own."""
        found = read_container.fn(0.0, self.root)
        return replace(found, oom=replace(found.oom, counter="")) if isinstance(found.oom, OomKills) else found

    def counter(self) -> str:
        kills = read_container.fn(0.0, self.root).oom
        assert isinstance(kills, OomKills)
        return kills.counter


LIMITED = Container(CpuQuota(0.5, 100, 30, 0, 0, 0.0), MemoryLimit(1000, 500), OomKills(2))


class TestVersions:
    """The same figures whichever version keeps them."""

    def test_version_2_with_a_namespace_of_its_own(self, tree: Tree) -> None:
        tree.proc("0::/\n", V2)
        tree.v2()
        assert tree.read() == LIMITED

    def test_each_group_of_each_run_of_the_machine_counts_for_itself(self, tree: Tree) -> None:
        tree.file("proc/sys/kernel/random/boot_id", "1c7dfadb-36c1-4d6d\n")
        for group in ("a", "b"):
            tree.v2(group)
        tree.proc("0::/a\n", V2)
        first = tree.counter()
        tree.proc("0::/b\n", V2)
        assert first.startswith("1c7dfadb-") and tree.counter() != first
        tree.proc("0::/a\n", V2)
        assert tree.counter() == first

    def test_version_2_in_a_group_of_the_host(self, tree: Tree) -> None:
        tree.proc("0::/pod/app\n", V2)
        tree.v2("pod/app")
        tree.v2("", cpu="max 100000", limit="max")
        assert tree.read() == LIMITED

    def test_version_1(self, tree: Tree) -> None:
        tree.proc("4:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc\n0::/\n", V1)
        tree.v1("docker/abc")
        assert tree.read() == LIMITED

    def test_version_1_whose_mount_shows_the_group_itself(self, tree: Tree) -> None:
        tree.proc("4:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc\n", V1, mount_root="/docker/abc")
        tree.v1()
        assert tree.read() == LIMITED

    def test_both_at_once_each_controller_where_it_is(self, tree: Tree) -> None:
        mounts = V1.splitlines(keepends=True)[1] + V2.replace("/sys/fs/cgroup ", "/sys/fs/cgroup/unified ")
        tree.proc("4:memory:/app\n0::/app\n", mounts)
        tree.v1("app")
        tree.file("sys/fs/cgroup/unified/app/cpu.max", "50000 100000")
        tree.file("sys/fs/cgroup/unified/app/cpu.stat", "nr_periods 100\nnr_throttled 30\n")
        assert tree.read() == LIMITED

    def test_the_tightest_level_counts(self, tree: Tree) -> None:
        tree.proc("0::/pod/app\n", V2)
        tree.v2("pod/app", cpu="max 100000", limit="max")
        tree.v2("pod", cpu="20000 100000", limit="600")
        read = tree.read()
        assert isinstance(read.cpu, CpuQuota)
        assert (read.cpu.cores, read.memory) == (0.2, MemoryLimit(600, 500))


class TestNoLimit:
    """Outside a container there is nothing to judge, and never a zero."""

    @pytest.mark.parametrize("level", ["", "user.slice"])
    def test_max_everywhere(self, tree: Tree, level: str) -> None:
        tree.proc(f"0::/{level}\n", V2)
        tree.v2(level, cpu="max 100000", limit="max")
        read = tree.read()
        assert all(isinstance(part, Absent) for part in (read.cpu, read.memory, read.oom))

    def test_version_1_without_limits(self, tree: Tree) -> None:
        tree.proc("4:memory:/\n3:cpu,cpuacct:/\n", V1)
        tree.v1(quota="-1", limit="9223372036854771712")
        read = tree.read()
        assert all(isinstance(part, Absent) for part in (read.cpu, read.memory, read.oom))

    def test_no_control_groups_at_all(self, tree: Tree) -> None:
        assert isinstance(tree.read().memory, Absent)

    def test_the_root_group_has_no_limit_files(self, tree: Tree) -> None:
        tree.proc("0::/\n", V2)
        tree.file("sys/fs/cgroup/cpu.stat", "usage_usec 5\n")
        assert isinstance(tree.read().cpu, Absent)


class TestUnreadable:
    """A limit whose figures cannot be read is Unobserved, never absent and never zero."""

    @pytest.mark.parametrize(
        ("file", "text", "part"),
        [
            ("cpu.max", "garbage", "cpu"),
            ("cpu.max", "-5 100000", "cpu"),
            ("cpu.max", "50000 0", "cpu"),
            ("cpu.stat", "nr_periods many\n", "cpu"),
            ("cpu.stat", "usage_usec 5\n", "cpu"),
            ("cpu.stat", None, "cpu"),
            ("memory.max", "1_000", "memory"),
            ("memory.max", "0", "memory"),
            ("memory.current", "\x00\xff", "memory"),
            ("memory.current", None, "memory"),
            ("memory.stat", "anon 1\n", "memory"),
            ("memory.stat", None, "memory"),
            ("memory.events", "oom_kill two\n", "oom"),
            ("memory.events", "low 0\n", "oom"),
        ],
    )
    def test_one_file(self, tree: Tree, file: str, text: str | None, part: str) -> None:
        tree.proc("0::/\n", V2)
        tree.v2()
        path = tree.root / "sys/fs/cgroup" / file
        path.unlink() if text is None else path.write_text(text, encoding="latin-1")
        read = tree.read()
        assert isinstance(getattr(read, part), Unobserved)
        others = {"cpu": (read.memory, read.oom), "memory": (read.cpu,), "oom": (read.cpu, read.memory)}[part]
        assert not any(isinstance(other, Unobserved | Absent) for other in others)

    def test_a_list_of_mounts_that_is_none(self, tree: Tree) -> None:
        tree.proc("0::/\n", "not a list of mounts\n")
        read = tree.read()
        assert all(isinstance(part, Unobserved) for part in (read.cpu, read.memory, read.oom))
