# SPDX-License-Identifier: Apache-2.0
"""The target's agent is killed, then its whole machine, under one mounted volume with I/O.

I/O must go on by itself and every byte must be right afterwards.
"""

import driver
import load
import remote
import vm as lab


def test_io_survives_agent_and_machine():
    with lab.Lab() as private:
        site = remote.Site(private)
        node_vm = site.nodes[0]
        before = driver.Checker(node_vm, trees=(driver.KUBELET,))
        volume = site.create("survivor", size=1 << 30)
        link = site.attach(volume).up()
        nqn = link.context["nqn"]
        remote.paths_live(node_vm, 2, nqn)
        device = node_vm.run(f"findmnt -no SOURCE {link.staging}").strip()
        node_vm.run(f"dd if=/dev/urandom of={link.target}/kept bs=1M count=8 conv=fsync status=none")
        kept = node_vm.run(f"sha256sum {link.target}/kept")

        # Writes with a checksum in every block, verified as it goes on.
        io = load.Load(node_vm, "io", {"io": f"{link.target}/data"}, size="16M", rate=120).start()
        node_vm.wait_for(f"test $(stat -c %b {link.target}/data 2>/dev/null || echo 0) -gt 2000", what="the first writes")

        site.target.kill()
        io.goes_on()
        site.target.start()

        site.power_cycle_target()
        remote.paths_live(node_vm, 2, nqn)
        io.goes_on()
        jobs = io.stop()
        assert load.blocks_verified(jobs) > 100
        assert node_vm.run(f"findmnt -no SOURCE {link.staging}").strip() == device
        node_vm.run("echo 3 >/proc/sys/vm/drop_caches")
        assert node_vm.run(f"sha256sum {link.target}/kept") == kept
        assert not remote.given_up(node_vm), remote.given_up(node_vm)

        link.down()
        site.delete(volume)
        nothing, text = before.left()
        assert nothing, text
