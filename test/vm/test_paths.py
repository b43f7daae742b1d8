# SPDX-License-Identifier: Apache-2.0
"""One of two paths is lost, in each way that a path can be lost, and comes back: writes that are verified
go on without an error, and nothing has to be done by hand.

The target and the node are machines of their own, on two networks. Beside the driver's volume the same
load runs on a disk that was connected by hand with the kernel's defaults over the path that is lost. The
longest pause of both is printed and kept as paths-report.json beside the machines' logs; it is a report,
not a test. With NV_ALL=1 each way is taken 50 times, over the two paths in turn.
"""

import contextlib
import json
import os
import uuid

import driver
import load
import pytest
import remote
import vm as lab

MIB = remote.MIB
ROUNDS = 50 if os.environ.get("NV_ALL") == "1" else 1
BY_HAND = "nqn.2026-01.dev.csi.nvmetcp:test-by-hand"
RATE = 100  # requests in a second: more would only keep the emulated machines busy


class Bed:
    """A volume of the driver under .load, and one connected by hand under .plain, over portal 1 only."""

    def __init__(self, site):
        self.site, self.node = site, site.nodes[0]
        self.portals = [f"{site.target_vm.ip}:4420", f"{site.target_vm.ip2}:4420"]
        self.link = site.attach(site.create("paths", fs="block"), fs="block").up()
        self.nqn = self.link.context["nqn"]
        self.disk = self.device(self.nqn)
        remote.paths_live(self.node, 2, self.nqn)
        self.plain_nqn = self.connect_by_hand()
        self.plain_disk = self.device(self.plain_nqn)

    def connect_by_hand(self):
        status, text = self.site.api("PUT", "/v1/volumes/by-hand",
                                     {"pool": "pool", "instance": "test", "size": 64 * MIB})
        assert status == 201, text
        status, text = self.site.api("PUT", f"/v1/volumes/by-hand/hosts/{BY_HAND}")
        assert status == 200, text
        nqn = json.loads(text)["nqn"]
        address, _, port = self.portals[1].rpartition(":")
        self.node.run(f"printf %s nqn={nqn},transport=tcp,traddr={address},trsvcid={port},hostnqn={BY_HAND},"
                      f"hostid={uuid.uuid5(uuid.NAMESPACE_URL, BY_HAND)} >/dev/nvme-fabrics")
        remote.paths_live(self.node, 1, nqn)
        return nqn

    def device(self, nqn):
        """The multipath disk of a subsystem with one namespace."""
        name = self.node.wait_for(
            f"cd /sys/class/nvme-subsystem && ls -d $(grep -lx {nqn} */subsysnqn | xargs dirname)/nvme*n* | grep -v c[0-9]*n",
            what=f"a disk of {nqn}")
        return "/dev/" + os.path.basename(name.strip())

    def paths(self):
        """{portal: row} of the driver's volume, as the node's own command tells them."""
        rows = json.loads(self.node.run(f"{driver.BIN}/nvmetcp-node paths --json"))["paths"]
        return {row["portal"]: row for row in rows if row["nqn"] == self.nqn}

    def wait_path(self, portal, condition, what):
        """Until a line of the command about the volume's path satisfies an awk condition."""
        self.node.wait_for(f"{driver.BIN}/nvmetcp-node paths | awk '$3 == \"{portal}\" && $8 == \"{self.nqn}\" && "
                           f"({condition}) {{found = 1}} END {{exit !found}}'", timeout=120, what=what)

    def wait_lost(self, portal):
        self.wait_path(portal, '$4 != "live"', f"{portal} to be lost")

    def whole(self):
        """All is as it was: by itself, and with nothing that was not there before."""
        remote.paths_live(self.node, 2, self.nqn)
        remote.paths_live(self.node, 1, self.plain_nqn)
        states = {portal: (row["state"], row["anaState"], row["device"]) for portal, row in self.paths().items()}
        assert states == {portal: ("live", "optimized", self.disk.removeprefix("/dev/")) for portal in self.portals}

    def ana(self, portal, state):
        status, text = self.site.api("PUT", f"/v1/portals/{portal}", {"anaState": state})
        assert status == 200, text
        self.wait_path(portal, f'$5 == "{state}"', f"{portal} to be {state}")

    def down(self):
        self.node.run(f"cd /sys/class/nvme && echo 1 >$(grep -lx {self.plain_nqn} nvme*/subsysnqn | xargs dirname)"
                      "/delete_controller")
        for path in (f"/v1/volumes/by-hand/hosts/{BY_HAND}", "/v1/volumes/by-hand"):
            status, text = self.site.api("DELETE", path)
            assert status == 204, text
        self.link.down()
        self.site.delete(self.link.volume)


# The ways. Each is a context: inside it the path is lost.

@contextlib.contextmanager
def link_down(bed, i):
    bed.node.run(f"ip link set eth{i} down")
    bed.wait_lost(bed.portals[i])
    yield
    bed.node.run(f"ip link set eth{i} up")


@contextlib.contextmanager
def firewall(bed, i, rules):
    address = bed.portals[i].rpartition(":")[0]
    bed.site.target_vm.run(["nft", "add table inet cut; " + "; ".join(rules).format(address=address)])
    bed.wait_lost(bed.portals[i])
    yield
    bed.site.target_vm.run("nft delete table inet cut")


def reset(bed, i):
    return firewall(bed, i, [
        "add chain inet cut arriving {{ type filter hook input priority 0; }}",
        "add rule inet cut arriving ip daddr {address} tcp dport 4420 reject with tcp reset"])


def silence(bed, i):
    return firewall(bed, i, [
        "add chain inet cut arriving {{ type filter hook input priority 0; }}",
        "add chain inet cut leaving {{ type filter hook output priority 0; }}",
        "add rule inet cut arriving ip daddr {address} tcp dport 4420 drop",
        "add rule inet cut leaving ip saddr {address} tcp sport 4420 drop"])


@contextlib.contextmanager
def agent_restart(bed, i):
    """No path is lost at all."""
    bed.site.target.kill()
    yield
    bed.site.target.start()


@contextlib.contextmanager
def maintenance(bed, i):
    bed.ana(bed.portals[i], "inaccessible")
    yield
    bed.ana(bed.portals[i], "optimized")


@contextlib.contextmanager
def portal_removed(bed, i):
    machine, path = bed.site.target_vm, "/srv/system/target.json"
    config = json.loads(machine.run(f"cat {path}"))
    for portals in ([bed.portals[1 - i]], bed.portals):
        driver.write(machine, path, json.dumps({**config, "portals": portals}))
        bed.site.target.stop()
        bed.site.target.start()
        if portals != bed.portals:
            bed.wait_lost(bed.portals[i])
            yield


WAYS = [link_down, reset, silence, agent_restart, maintenance, portal_removed]


def pauses(jobs):
    """What of fio's answer is reported, in seconds."""
    p99 = max(job[way]["clat_ns"]["percentile"]["99.000000"] for job in jobs for way in ("read", "write")) / 1e9
    return {"longest": round(load.longest_request(jobs), 3), "p99": round(p99, 4)}


def rounds(bed, way):
    ours = load.Load(bed.node, f"ours-{way.__name__}", {"ours": bed.link.target}, rate=RATE).start()
    plain = load.Load(bed.node, f"plain-{way.__name__}", {"plain": bed.plain_disk}, rate=RATE).start()
    ours.goes_on()
    plain.goes_on()
    for number in range(ROUNDS):
        with way(bed, (number + 1) % 2):
            ours.goes_on()
        bed.whole()
        ours.goes_on()
    done = ours.stop()
    assert load.blocks_verified(done) > 0
    return {"driver, two paths": pauses(done), "by hand, one path": pauses(plain.stop())}


@pytest.fixture(scope="module")
def started():
    with lab.Lab() as private:
        yield remote.Site(private)


@pytest.fixture
def site(started):
    with started.nothing_left():
        yield started


def test_paths_are_lost_and_come_back(site):
    bed = Bed(site)
    assert {row["ioPolicy"] for row in bed.paths().values()} == {"queue-depth"}
    # As by a rule of udev; the keeper has until the end of all this to notice.
    policy = f"$(dirname $(grep -lx {bed.nqn} /sys/class/nvme-subsystem/*/subsysnqn))/iopolicy"
    bed.node.run(f"echo numa >{policy}")
    report = {}
    for way in WAYS:
        report[way.__name__] = rounds(bed, way)
        print(way.__name__, json.dumps(report[way.__name__]), flush=True)
    with open(os.path.join(site.target_vm.lab.out, "paths-report.json"), "w") as f:
        json.dump({"rounds": ROUNDS, "seconds": report}, f, indent=1)
    bed.wait_path(bed.portals[0], '$6 == "queue-depth"', "the policy to be set back")
    assert not remote.given_up(bed.node)
    bed.down()


@pytest.mark.parametrize("i", [0, 1])
def test_stage_while_a_portal_is_in_maintenance(site, i):
    portal = f"{(site.target_vm.ip, site.target_vm.ip2)[i]}:4420"
    volume = site.create(f"staged{i}")
    status, text = site.api("PUT", f"/v1/portals/{portal}", {"anaState": "inaccessible"})
    assert status == 200, text
    link = site.attach(volume).up()
    remote.paths_live(site.nodes[0], 2, link.context["nqn"])
    status, text = site.api("PUT", f"/v1/portals/{portal}", {"anaState": "optimized"})
    assert status == 200, text
    link.down()
    site.delete(volume)


def test_the_last_portal_is_not_taken_away(site):
    portals = [f"{site.target_vm.ip}:4420", f"{site.target_vm.ip2}:4420"]
    assert site.api("PUT", f"/v1/portals/{portals[0]}", {"anaState": "inaccessible"})[0] == 200
    # After a power cut, too.
    site.power_cycle_target()
    shown = {one["portal"]: one["anaState"] for one in json.loads(site.api("GET", "/v1/portals")[1])["portals"]}
    assert shown == {portals[0]: "inaccessible", portals[1]: "optimized"}
    status, text = site.api("PUT", f"/v1/portals/{portals[1]}", {"anaState": "inaccessible"})
    assert status == 423 and "would leave hosts no portal" in text, text
    assert site.api("PUT", f"/v1/portals/{portals[0]}", {"anaState": "optimized"})[0] == 200
