# SPDX-License-Identifier: Apache-2.0
"""Five volumes of a target that no longer answers hang in the kernel; the node plugin does all else.

The far target's packets are dropped, and with ctrl_loss_tmo off its controllers wait for ever: a
syncfs on one of its filesystems is a process in D state that no signal ends. A second target,
which stays, is in the node's own machine.
"""

import concurrent.futures

import driver
import pytest
import vm as lab

MIB = 1 << 20
HUNG = 5
# terminationGracePeriodSeconds of the chart.
GRACE_S = 40

DROP = """nft -f - <<'END'
table inet hang {
	chain in { type filter hook input priority 0; ip saddr %s drop; }
	chain out { type filter hook output priority 0; ip daddr %s drop; }
}
END"""


@pytest.fixture(scope="module")
def world():
    with lab.Lab() as private:
        far_vm = private.vm("far", disks={"pool": 4096}, memory=1536)
        node_vm = private.vm("node", disks={"pool": 2048}, memory=2048)
        far_vm.run("mkdir -p /srv/system")
        tls = driver.Tls(far_vm, far_vm.ip, "/srv/system")
        # Nothing reboots here, so nobody needs the gate.
        driver.target(far_vm, listen=f"{far_vm.ip}:8443", portals=(f"{far_vm.ip}:4420",),
                      options={"gate": "none", **tls.server}).start()
        driver.target(node_vm, options={"gate": "none"}).start()
        tls.install(node_vm)
        ctl = driver.controller(node_vm, more=[
            {"name": "far", "type": "linux", "url": f"https://{far_vm.ip}:8443", "pool": "pool", **tls.client}])
        yield far_vm, node_vm, ctl.start(), driver.node(node_vm).start()


def make(ctl, plugin, backend, name):
    volume = ctl.call("CreateVolume", name=name, capacity_range={"required_bytes": 256 * MIB},
                      volume_capabilities=[driver.capability("ext4")], parameters={"backend": backend})["volume"]
    return driver.Attachment(ctl, plugin, volume, driver.capability("ext4"), pod=name)


def refused(call):
    """The call must fail so that it is repeated; the error of it."""
    with pytest.raises(driver.CsiError) as caught:
        call()
    assert caught.value.code in ("ABORTED", "DEADLINE_EXCEEDED"), caught.value
    return caught.value


def stats(plugin, link):
    answer = plugin.call("NodeGetVolumeStats", volume_id=link.volume["volume_id"], volume_path=link.target)
    return answer["usage"][0]["total"]


def in_d_state(machine):
    return int(machine.run("ps -eo stat=,comm= | grep -c '^D.*nvmetcp-call' || true"))


def test_five_hung_volumes_harm_no_other(world):
    far_vm, node_vm, ctl, plugin = world
    before = driver.Checker(node_vm)
    links = [make(ctl, plugin, "far", f"hung{i}").up() for i in range(HUNG)]
    well = make(ctl, plugin, "linux", "well0").up()
    sixth = make(ctl, plugin, "linux", "well1").publish_controller()
    for link in links:
        node_vm.run(f"dd if=/dev/urandom of={link.target}/data bs=1M count=4 status=none && sync -f {link.target}")

    node_vm.run(DROP % (far_vm.ip, far_vm.ip))
    sums = []
    for link in links:
        # Still in memory only when the volume is taken down.
        node_vm.run(f"dd if=/dev/urandom of={link.target}/late bs=1M count=4 status=none")
        sums.append(node_vm.run(f"cd {link.target} && sha256sum data late"))
        link.unpublish()
    with concurrent.futures.ThreadPoolExecutor(HUNG) as threads:
        hanging = [threads.submit(refused, link.unstage) for link in links]
        node_vm.wait_for(f"[ $(ps -eo stat=,comm= | grep -c '^D.*nvmetcp-call') -ge {HUNG} ]",
                         what="all five to hang in the kernel")
        assert not any(future.done() for future in hanging)
        sixth.stage().publish()
        assert stats(plugin, sixth) > 0
        assert stats(plugin, well) > 0
        for future in hanging:
            future.result()
    for link in links:
        assert "has been hanging in the kernel" in refused(link.unstage).message

    # It ends, though its children cannot.
    plugin.vm.run(f"kill -TERM {plugin.pid}")
    node_vm.wait_for(f"! kill -0 {plugin.pid}", timeout=GRACE_S, what="the plugin to end within its grace time")
    assert in_d_state(node_vm) >= HUNG
    for how in ("stopped", "killed"):
        plugin.start()
        assert plugin.log().count("of before the restart is not done with it") >= HUNG, how
        for link in links:
            error = refused(link.unstage)
            assert error.code == "ABORTED"
            assert "before its last restart (NodeUnstageVolume" in error.message
        assert in_d_state(node_vm) == HUNG, "no further child may hang on a volume that is known to"
        assert stats(plugin, sixth) > 0
        sixth.unpublish()
        sixth.unstage()
        sixth.stage().publish()
        if how == "stopped":
            plugin.kill()

    # The target comes back: all that was written is there, and all can be taken down.
    node_vm.run("nft delete table inet hang")
    for link, was in zip(links, sums):
        driver.until_done(link.unstage)
        link.stage().publish()
        assert node_vm.run(f"cd {link.target} && sha256sum data late") == was
        link.down()
        ctl.call("DeleteVolume", volume_id=link.volume["volume_id"])
    for link in (well, sixth):
        link.down()
        ctl.call("DeleteVolume", volume_id=link.volume["volume_id"])
    nothing, text = before.left()
    assert nothing, text
