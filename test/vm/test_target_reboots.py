# SPDX-License-Identifier: Apache-2.0
"""The target's machine loses its power under twenty volumes that two nodes write to, again and again.

An initiator that is told "unknown subsystem" gives its controller up for good, and the filesystem on it
with it. So after each boot the target lets nobody in before all is exported. Each boot here stands
still with half of the exports published until every initiator has come, and been kept waiting. The
same with the gate switched off shows that it is the gate which holds.
"""

import os
import time

import load
import pytest
import remote
import vm as lab

VOLUMES = 20
PORTALS = 2
# hack/test --all
ROUNDS = 10 if os.environ.get("NV_ALL") == "1" else 2
# Of the links, the agent makes as many and then hangs.
HALF = f"NVMETCP_FAULTS=BringUp.link.link=hang@{VOLUMES * PORTALS // 2}"
PATHS = VOLUMES // 2 * PORTALS
# An emulated target needs longer than the usual 5 s to take in forty controllers at once, and the
# kernel's target forgets a controller from which it hears nothing for so long between two queues.
KEEP_ALIVE = "60"


@pytest.fixture
def private():
    with lab.Lab() as machines:
        yield machines


def attach_all(site):
    def one(i):
        volume = site.create(f"v{i}", "block", 64 * remote.MIB, keepAliveTmo=KEEP_ALIVE)
        return site.attach(volume, i % 2, "block", pod=f"pod{i}").up()
    links = [one(i) for i in range(VOLUMES)]
    for machine in site.nodes:
        remote.paths_live(machine, PATHS)
    return links


def attempts(machine):
    """How often its paths tried to come back, in vain."""
    return int(machine.run("dmesg | grep -c 'Failed reconnect attempt' || true"))


def reboot_and_stand_half_way(site):
    """Half of the exports are published when it returns: each node's attempts until then."""
    site.power_cycle_target(HALF)
    site.target_vm.wait_for(f"test $(ls -d /sys/kernel/config/nvmet/ports/*/subsystems/* | wc -l) = {VOLUMES * PORTALS // 2}",
                            what="half of the exports to be published")
    return [attempts(machine) for machine in site.nodes]


def finish_the_start(site):
    site.target.kill()
    site.target.start()


def test_io_goes_on_by_itself(private):
    site = remote.Site(private, nodes=2)
    links = attach_all(site)
    before = [set(remote.controllers(machine)) for machine in site.nodes]
    loads = [load.Load(machine, f"io{i}", {f"v{j}": links[j].target for j in range(i, VOLUMES, 2)}, rate=8).start()
             for i, machine in enumerate(site.nodes)]
    for each in loads:
        each.goes_on()
    gaps = []
    for number in range(ROUNDS):
        began = time.monotonic()
        published = reboot_and_stand_half_way(site)
        for machine, count in zip(site.nodes, published):
            # Each path tries every two seconds, and waits three for an answer that the gate does not give.
            machine.wait_for(f"test $(dmesg | grep -c 'Failed reconnect attempt') -ge {count + PATHS}", timeout=180,
                             what="each path to have tried against half of the exports")
        finish_the_start(site)
        for machine in site.nodes:
            remote.paths_live(machine, PATHS)
            assert not remote.given_up(machine), remote.given_up(machine)
        for each in loads:
            each.goes_on()
        assert [set(remote.controllers(machine)) for machine in site.nodes] == before
        gaps.append(time.monotonic() - began)
        print(f"\nround {number + 1} of {ROUNDS}: {gaps[-1]:.0f} s from power off until all write again")
    jobs = [job for each in loads for job in each.stop()]
    assert load.blocks_verified(jobs) > VOLUMES, "nothing was verified"
    print(f"\n{VOLUMES} volumes, {ROUNDS} rounds: {load.blocks_verified(jobs)} blocks verified; "
          f"longest time of one request {load.longest_request(jobs):.1f} s")
    for link in links:
        link.down()
    site.delete(*site.made)


def test_without_the_gate_volumes_are_lost(private):
    """The test above without the gate: it fails."""
    site = remote.Site(private, nodes=2, gate="none")
    attach_all(site)
    before = [set(remote.controllers(machine)) for machine in site.nodes]
    reboot_and_stand_half_way(site)
    site.nodes[0].wait_for(f"test $(ls /sys/class/nvme | wc -l) -lt {PATHS}", timeout=180,
                           what="an initiator to give a volume up: if none does, it is not the gate that protects")
    finish_the_start(site)
    # Whose subsystem was there lives on; the others are lost for good.
    site.nodes[0].wait_for("! cat /sys/class/nvme/*/state | grep -vx live", timeout=180, what="all that is left to live")
    lost = before[0] - set(remote.controllers(site.nodes[0]))
    assert lost, "the paths came back"
    assert remote.given_up(site.nodes[0])
    print(f"\nwithout the gate {len(lost)} of {PATHS} paths of one node were given up for good")
