# SPDX-License-Identifier: Apache-2.0
"""A filesystem that another mount namespace keeps alive is never disconnected under its data."""

import driver
import pytest
import vm as lab

MIB = 1 << 20


def test_another_mount_namespace_holds_the_filesystem():
    with lab.Lab() as private:
        machine = private.vm("node", disks={"pool": 16384})
        driver.target(machine).start()
        ctl = driver.controller(machine).start()
        node = driver.node(machine).start()
        volume = ctl.call("CreateVolume", name="held", capacity_range={"required_bytes": 512 * MIB},
                          volume_capabilities=[driver.capability("ext4", driver.WRITER)],
                          parameters={"backend": "linux"})["volume"]
        link = driver.Attachment(ctl, node, volume, driver.capability("ext4", driver.WRITER)).up()
        machine.run("setsid unshare -m --propagation private sh -c 'echo $$ >/tmp/holder; exec sleep 10000' "
                    "</dev/null >/dev/null 2>&1 & "
                    "while ! [ -s /tmp/holder ]; do sleep 0.1; done")
        machine.run(f"dd if=/dev/urandom of={link.target}/data bs=1M count=32 status=none")
        before = machine.run(f"sha256sum <{link.target}/data")
        link.unpublish()
        for again in range(2):
            with pytest.raises(driver.CsiError) as caught:
                link.unstage()
            assert caught.value.code == "ABORTED", caught.value
            assert "another mount namespace" in caught.value.message
            assert machine.run("ls /sys/class/nvme").strip(), "it must stay connected"
            if not again:
                node.kill()
                node.start()
                # The socket's file outlives a kill.
                machine.wait_for(f"ss -Hlx | grep -qF {node.socket}", what="the node plugin to listen")
        machine.run("kill $(cat /tmp/holder)")
        link.down()
        link.up()
        assert machine.run(f"sha256sum <{link.target}/data") == before
        link.down()
        ctl.call("DeleteVolume", volume_id=volume["volume_id"])
