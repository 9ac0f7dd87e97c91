"""The machine: mounts, disks, pressure and counters, from copied files and from this machine itself."""

import os
import threading
import time
from pathlib import Path

import pytest

from tasks.observation import Absent, ObservationError, Unobserved
from tasks.resources.facts import Cpu, Disk, Interface, Memory, OomKills, PacketCounts, Pressure
from tasks.resources.host import cpu_between, network_between, read_oom_kills, read_pressure
from tasks.resources.mounts import parse_mountinfo, read_disks, real_mounts
from tasks.resources.observe import read_host

MOUNTS = """\
22 27 0:21 / /proc rw - proc proc rw
24 27 0:6 / /dev rw - devtmpfs devtmpfs rw
25 24 0:23 / /dev/shm rw - tmpfs tmpfs rw
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
40 27 254:16 / /var rw - xfs /dev/vdb rw
41 27 254:16 /log /srv/logs rw - xfs /dev/vdb rw
42 27 254:16 / /mnt/copy rw - xfs /dev/vdb rw
43 27 7:1 / /snap/core ro - squashfs /dev/loop1 ro
44 27 0:50 / /var/lib/docker/overlay2/x/merged rw - overlay overlay rw
45 27 0:51 / /mnt/My\\040Files rw - nfs4 server:/export rw
46 27 0:52 /@home /home rw - btrfs /dev/vdc rw
47 27 0:52 /@ /data rw - btrfs /dev/vdc rw
48 27 0:53 / /run/user/0/gvfs rw - fuse.gvfsd-fuse gvfsd rw
"""
CONTAINER = """\
50 1 0:60 / / rw - overlay overlay rw
51 50 0:61 / /proc rw - proc proc rw
52 50 254:0 /docker/hosts /etc/hosts rw - ext4 /dev/vda rw
53 50 254:16 / /data rw - xfs /dev/vdb rw
"""


def stalled(cpu: str = "12.5", kind: str = "some") -> str:
    return f"{kind} avg10=0.00 avg60=1.00 avg300={cpu} total=5\n"


@pytest.fixture
def pressure(tmp_path: Path) -> Path:
    for name in ("cpu", "memory", "io"):
        (tmp_path / name).write_text(stalled() + stalled("2.5", "full"))
    return tmp_path


class TestMounts:
    """Which mounts are disks."""

    def test_every_disk_once_and_nothing_else(self) -> None:
        found = real_mounts(parse_mountinfo(MOUNTS))
        assert found == ("/", "/data", "/mnt/My Files", "/var")

    def test_a_container_sees_its_own_root_and_whole_disks(self) -> None:
        assert real_mounts(parse_mountinfo(CONTAINER))[0] == "/"
        assert "/data" in real_mounts(parse_mountinfo(CONTAINER))

    @pytest.mark.parametrize("text", ["one two", "22 27 0:21 / /proc rw", "22 27 - ext4 /dev/vda rw"])
    def test_another_form_is_refused(self, text: str) -> None:
        with pytest.raises(ObservationError):
            parse_mountinfo(text)


class TestDisks:
    """What a mount has left."""

    def test_this_machine_agrees_with_statvfs(self, tmp_path: Path) -> None:
        seen = os.statvfs(tmp_path)
        [disk] = read_disks([str(tmp_path)], 60.0).values()
        assert isinstance(disk, Disk)
        assert (disk.size_bytes, disk.inodes) == (seen.f_blocks * seen.f_frsize, seen.f_files)
        assert 0 <= disk.available_bytes <= disk.size_bytes

    def test_a_mount_that_hangs_is_left_behind_and_the_others_are_read(self, tmp_path: Path) -> None:
        release = threading.Event()

        def look(mount: str) -> os.statvfs_result:
            if mount.endswith("dead"):
                release.wait(120)
            return os.statvfs(mount)

        (tmp_path / "dead").mkdir()
        (tmp_path / "live").mkdir()
        found = read_disks([str(tmp_path / "dead"), str(tmp_path / "live")], 2.0, look)
        release.set()
        dead, live = found.values()
        assert isinstance(dead, Unobserved) and isinstance(live, Disk)
        assert dead.reason.text == "The mount point did not respond within {seconds} s"

    def test_dead_mounts_share_one_deadline(self, tmp_path: Path) -> None:
        release = threading.Event()

        def look(mount: str) -> os.statvfs_result:
            release.wait(60)
            return os.statvfs(mount)

        mounts = [tmp_path / f"dead{n}" for n in range(6)]
        for mount in mounts:
            mount.mkdir()
        started = time.monotonic()
        found = read_disks(map(str, mounts), 2.0, look)
        taken = time.monotonic() - started
        release.set()
        assert all(isinstance(disk, Unobserved) for disk in found.values()) and len(found) == 6
        assert 2 <= taken < 8  # and not 12

    def test_a_mount_that_is_gone_is_unobserved_and_a_file_is_none(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        found = read_disks([str(tmp_path / "gone"), str(tmp_path / "file")], 60.0)
        assert list(found) == [str(tmp_path / "gone")]
        assert isinstance(found[str(tmp_path / "gone")], Unobserved)


class TestPressure:
    """PSI where the kernel has it."""

    def test_some_of_cpu_and_full_of_the_others(self, pressure: Path) -> None:
        assert read_pressure(pressure) == Pressure(12.5, 2.5, 2.5)

    def test_a_kernel_without_it_is_absent(self, tmp_path: Path) -> None:
        assert isinstance(read_pressure(tmp_path / "none"), Absent)

    @pytest.mark.parametrize(
        "text", ["", "some avg300=x\n", "full avg10=1\n", "full avg300=101\n", "full avg300=nan\n"]
    )
    def test_garbage_is_unobserved(self, pressure: Path, text: str) -> None:
        (pressure / "memory").write_text(text)
        assert isinstance(read_pressure(pressure), Unobserved)

    def test_a_missing_file_is_unobserved(self, pressure: Path) -> None:
        (pressure / "io").unlink()
        assert isinstance(read_pressure(pressure), Unobserved)


class TestCounters:
    """Figures between two readings."""

    def test_guests_are_not_counted_twice_and_waiting_is_not_work(self) -> None:
        before = {"user": 0.0, "system": 0.0, "idle": 0.0, "iowait": 0.0, "steal": 0.0, "guest": 0.0}
        after = {"user": 30.0, "system": 10.0, "idle": 40.0, "iowait": 10.0, "steal": 10.0, "guest": 30.0}
        assert cpu_between(before, after, 2.04, 4, 1.5) == Cpu(50.0, 10.0, 10.0, 4, 1.5, 2.0)

    def test_counters_that_stand_still_are_unobserved(self) -> None:
        assert isinstance(cpu_between({"idle": 5.0}, {"idle": 5.0}, 2.0, 1, 0.0), Unobserved)

    def test_an_interface_that_came_in_between_is_left_out(self) -> None:
        old, new = PacketCounts(100, 1, 0), PacketCounts(160, 3, 4)
        [eth0] = network_between({"eth0": old}, {"eth0": new, "veth1": new}, 2.0)  # type: ignore[misc]
        assert eth0 == Interface("eth0", new, PacketCounts(60, 2, 4), 2.0)

    def test_a_machine_without_interfaces(self) -> None:
        assert isinstance(network_between({}, {}, 2.0), Absent)

    @pytest.mark.parametrize(
        ("text", "kind"),
        [("oom_kill 3\n", OomKills), ("oom_kill x\n", Unobserved), ("oom_kill\n", Absent), ("pgfault 1\n", Absent)],
    )
    def test_kills(self, tmp_path: Path, text: str, kind: type) -> None:
        (tmp_path / "vmstat").write_text(text)
        assert isinstance(read_oom_kills(tmp_path / "vmstat"), kind)

    def test_kills_belong_to_a_run_of_the_machine_and_are_of_today_after_a_recent_start(self, tmp_path: Path) -> None:
        (tmp_path / "vmstat").write_text("oom_kill 3\n")
        assert read_oom_kills(tmp_path / "vmstat", "1c7d", 86_399.0) == OomKills(3, 3, "1c7d")
        assert read_oom_kills(tmp_path / "vmstat", "1c7d", 86_400.0) == OomKills(3, None, "1c7d")


class TestThisMachine:
    """The task as it is, on the machine of the test."""

    def test_the_host(self) -> None:
        host = read_host.fn(0.1)
        assert isinstance(host.cpu, Cpu) and 0 <= host.cpu.busy_percent <= 100
        assert isinstance(host.memory, Memory) and 0 < host.memory.available_bytes <= host.memory.total_bytes
        assert isinstance(host.disks, dict) and host.disks
        if isinstance(host.oom, OomKills):
            assert len(host.oom.counter) == 8

    def test_a_folder_on_which_nothing_is_mounted_any_more(self, tmp_path: Path) -> None:
        host = read_host.fn(0.05, (str(tmp_path),))
        assert isinstance(host.disks, dict)
        gone = host.disks[str(tmp_path)]
        # The folder is there, and statvfs would answer with the room of the disk beneath.
        assert isinstance(gone, Unobserved) and gone.reason.text == "Nothing is mounted on this path"
