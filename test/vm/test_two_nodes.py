# SPDX-License-Identifier: Apache-2.0
"""One target and two nodes: who is shut out, who is not, and what two see of the same volume."""

import concurrent.futures
import json
import os
import shlex

import driver
import load
import pytest
import remote
import vm as lab

MIB = remote.MIB
# hack/test --all
FENCES = 50 if os.environ.get("NV_ALL") == "1" else 4
RACES = 20 if os.environ.get("NV_ALL") == "1" else 4
BOTH = "MULTI_NODE_MULTI_WRITER"
READERS = "MULTI_NODE_READER_ONLY"


@pytest.fixture(scope="module")
def started():
    with lab.Lab() as private:
        yield remote.Site(private, nodes=2, controller="target")


@pytest.fixture
def site(started):
    with started.nothing_left():
        yield started


# --- fences ------------------------------------------------------------------------------------

class Watched:
    """The first MiB of a volume, as it is in the pool; its writer is node 1."""

    def __init__(self, site, link, name):
        self.site, self.link, self.name = site, link, name
        self.read = f"dd if={site.image(link.volume)} of=/run/{name}.{{}} bs=1M count=1 iflag=direct status=none"
        self.io = None

    def start(self):
        self.io = load.Load(self.site.nodes[0], self.name, {self.name: self.link.target},
                            size="1M", writers=8).start()
        self.site.target_vm.run(self.read.format("start"))
        self.site.target_vm.wait_for(f"{self.read.format('now')} && ! cmp -s /run/{self.name}.start /run/{self.name}.now",
                                     what=f"writes of {self.name}")

    def fence(self):
        """Unpublish when a write was just seen to land, and look at once: all of it is one command."""
        request = json.dumps({"volume_id": self.link.volume["volume_id"], "node_id": self.link.node_id})
        call = (f"{driver.BIN}/csic --socket {self.site.ctl.socket} --timeout 60 ControllerUnpublishVolume "
                f"{shlex.quote(request)}")
        differ = f"! cmp -s /run/{self.name}.before /run/{self.name}.now"
        self.site.target_vm.run(f"{self.read.format('before')} && until {self.read.format('now')} && {differ}; do :; done && "
                                f"{call} && {self.read.format('after')}", timeout=90)

    def nothing_landed(self):
        """The writer has ended, as it was shut out; what was seen after the answer is what is there."""
        jobs = self.io.wait()
        assert jobs[0]["error"] != 0, "the revoked node could go on"
        assert jobs[0]["write"]["total_ios"] > 100, jobs
        self.site.nodes[0].wait_for(f"! grep -qx {self.link.context['nqn']} /sys/class/nvme/nvme*/subsysnqn 2>/dev/null",
                                    timeout=120, what=f"the initiator to have given {self.name} up")
        self.site.target_vm.run(f"{self.read.format('late')} && cmp /run/{self.name}.after /run/{self.name}.late")


def test_a_fenced_node_writes_nothing_more(site):
    """Both recipes: `shared` stays with node 2, which writes all the time; `solo` is nobody's after it."""
    shared = site.create("shared", "block", 64 * MIB, mode=BOTH)
    solo = site.create("solo", "block", 64 * MIB)
    other = site.attach(shared, 1, "block", mode=BOTH).up()
    io = load.Load(site.nodes[1], "other", {"other": other.target}, size="8M", offset="16M", rate=50).start()
    links = [site.attach(shared, 0, "block", mode=BOTH, pod="shared"), site.attach(solo, 0, "block", pod="solo")]
    for number in range(FENCES):
        watched = [Watched(site, link.up(), name) for link, name in zip(links, ("shared", "solo"))]
        for each in watched:
            each.start()
        for each in watched:
            each.fence()
        for each in watched:
            each.nothing_landed()
        for link in links:
            link.unpublish()
            link.unstage()
        assert io.running(), f"round {number + 1}: the other node's writer ended"
        io.goes_on()
    jobs = io.stop()
    assert load.blocks_verified(jobs) > 100
    print(f"\n{FENCES} rounds, two fences each; the node that stayed verified {load.blocks_verified(jobs)} blocks, "
          f"longest time of one request {load.longest_request(jobs):.1f} s")
    other.down()
    site.delete(shared, solo)


# --- one subsystem -----------------------------------------------------------------------------

def share_subsystem(site, names):
    """Volumes in one subsystem, which only the agent can be asked for: made again as they were, but so."""
    volumes = []
    for name, fs in names.items():
        volume = site.create(name, fs)
        path = "/v1/volumes/" + volume["volume_id"].partition("/")[2]
        made = json.loads(site.api("GET", path)[1])
        assert site.api("DELETE", path)[0] == 204
        body = {key: made[key] for key in ("pool", "instance", "size", "metadata")}
        status, answer = site.api("PUT", path, {**body, "subsystem": "many"})
        assert status == 201, answer
        volumes.append(volume)
    return volumes


def test_volumes_of_one_subsystem_leave_each_other_alone(site):
    machine = site.nodes[0]
    first, second = share_subsystem(site, {"first": "ext4", "second": "block"})
    one, two = site.attach(first, pod="one").up(), site.attach(second, 0, "block", pod="two").up()
    nqn = two.context["nqn"]
    assert one.context["nqn"] == nqn
    remote.paths_live(machine, 2, nqn)
    before = remote.controllers(machine)
    machine.run(f"dd if=/dev/urandom of={one.target}/data bs=1M count=4 conv=fsync status=none")
    data = machine.run(f"cat {one.target}/data | sha256sum")
    io = load.Load(machine, "two", {"two": two.target}, rate=50).start()
    for way in ("unstage", "unpublish_controller"):
        one.unpublish()
        one.unstage()
        if way == "unpublish_controller":
            one.unpublish_controller()
        assert remote.controllers(machine) == before, way
        io.goes_on()
        one.up()
        assert machine.run(f"cat {one.target}/data | sha256sum") == data
    # The plugin counts its users over a restart of its own.
    site.plugins[0].kill()
    site.plugins[0].start()
    one.unpublish()
    one.unstage()
    assert remote.controllers(machine) == before
    io.stop()
    one.unpublish_controller()
    two.down()
    assert not remote.controllers(machine)
    site.delete(first, second)


def test_connect_races_with_the_last_disconnect(site):
    machine = site.nodes[0]
    volumes = share_subsystem(site, {"ping": "ext4", "pong": "ext4"})
    leaving, coming = [site.attach(volume, pod=f"pod{i}").up() for i, volume in enumerate(volumes)]
    for i, link in enumerate((leaving, coming)):
        machine.run(f"echo {i} >{link.target}/f && sync -f {link.target}")
        link.text = str(i)
    coming.unpublish()
    coming.unstage()
    for _ in range(RACES):
        leaving.unpublish()
        with concurrent.futures.ThreadPoolExecutor(2) as threads:
            for future in [threads.submit(driver.until_done, call) for call in (leaving.unstage, coming.stage)]:
                future.result()
        coming.publish()
        remote.paths_live(machine, 2, coming.context["nqn"])
        assert machine.run(f"cat {coming.target}/f").strip() == coming.text
        machine.run(f"echo {coming.text} >{coming.target}/f && sync -f {coming.target}")
        leaving, coming = coming, leaving
    leaving.down()
    coming.unpublish_controller()
    assert not remote.controllers(machine)
    site.delete(*volumes)


# --- read-only many ----------------------------------------------------------------------------

FILES = "cd {} && find . -type f -print0 | sort -z | xargs -0 sha256sum"


@pytest.mark.parametrize("fs", ["ext4", "xfs"])
def test_two_nodes_read_a_snapshot_taken_under_load(site, fs):
    machine = site.nodes[0]
    size = 400 * MIB
    origin = site.create(f"busy-{fs}", fs, size)
    link = site.attach(origin, 0, fs, pod="busy").up()
    machine.run(f"dd if=/dev/urandom of={link.target}/precious bs=1M count=4 conv=fsync status=none")
    precious = machine.run(f"sha256sum <{link.target}/precious")
    io = load.Load(machine, "busy", {"busy": f"{link.target}/data"}, rate=100).start()
    machine.run(f"setsid sh -c 'i=0; while [ -e {link.target}/precious ] && ! [ -e /run/enough ]; do "
                f"i=$((i+1)); echo $i >{link.target}/f$((i%200)); [ $((i%50)) != 0 ] || sync -f {link.target}; done; "
                "touch /run/ended' </dev/null >/dev/null 2>&1 &")
    machine.wait_for(f"test -e {link.target}/f60", what="files to be made")
    snapshot = site.snapshot(f"busy-{fs}", origin)
    copy = site.create(f"copy-{fs}", fs, size, mode=READERS, source=snapshot)
    io.goes_on()

    # Its log has to be replayed, which readers may not: the error says what to do, and that helps.
    readers = [site.attach(copy, i, fs, mode=READERS, pod="reader", readonly=True) for i in range(2)]
    with pytest.raises(driver.CsiError) as caught:
        readers[0].publish_controller().stage()
    assert caught.value.code == "FAILED_PRECONDITION" and "once read-write" in caught.value.message, caught.value
    readers[0].unstage()
    readers[0].unpublish_controller()
    once = site.attach(copy, 1, fs, pod="once").publish_controller().stage()
    once.unstage()
    once.unpublish_controller()

    for reader in readers:
        reader.up()
    seen = [reader.node.vm.run(FILES.format(reader.target)) for reader in readers]
    assert seen[0] == seen[1] and len(seen[0].splitlines()) > 50, seen
    for reader in readers:
        assert reader.node.vm.run(f"sha256sum <{reader.target}/precious") == precious
        assert reader.node.vm.run(f"touch {reader.target}/new", check=False)[0] != 0
    machine.run("touch /run/enough")
    machine.wait_for("test -e /run/ended", what="the maker of files to end")
    machine.run("rm /run/enough /run/ended")
    assert load.blocks_verified(io.stop()) > 100, "the origin was not read and written meanwhile"
    for each in (*readers, link):
        each.down()
    site.delete(copy)
    site.delete_snapshot(snapshot)
    site.delete(origin)
