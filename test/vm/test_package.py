# SPDX-License-Identifier: Apache-2.0
"""nvmetcp-target as an administrator meets it: apt, the check, systemd, a power cut, removal.

One machine with systemd is both server and host. The tests are one story and run in order.
"""

import pytest
import storage
import vm as lab

HOST = "nqn.2026-01.dev.csi.nvmetcp:node.test.storage"
HOST_ID = "5b3f0d3e-3c5a-4d0c-8c5e-7f6a0d7d2b11"
CONFIGFS = "/sys/kernel/config/nvmet"
PATTERN = "nvmetcp-target"


@pytest.fixture(scope="module")
def server():
    with lab.Lab() as private:
        server = storage.StorageServer(private, pool_mib=2048)
        server.boot()
        yield server


@pytest.fixture(scope="module")
def volume():
    """The one volume of the story, filled in by the test that makes it."""
    return {}


def check(server, fails=0):
    """Run the check, which must find `fails` failures. Return: what it said."""
    status, output = server.vm.run("nvmetcp-target check", check=False)
    assert status == (1 if fails else 0), output
    assert output.count("FAIL  ") == fails, output
    return output


def state(server, prop, unit=storage.UNIT):
    return server.vm.run(f"systemctl show -P {prop} {unit}").strip()


def connect(server, volume):
    """Connect to the volume as a node does, by all but the node's own program."""
    server.vm.run(
        "modprobe nvme-tcp; "
        f"echo -n transport=tcp,traddr={server.vm.ip},trsvcid={storage.NVME_PORT},nqn={volume['nqn']},"
        f"hostnqn={HOST},hostid={HOST_ID} >/dev/nvme-fabrics")
    server.vm.wait_for("ls /dev/nvme*n1", what="the volume's device")
    return server.vm.run("ls /dev/nvme*n1").strip()


def read(server, device):
    return server.vm.run(
        f"dd if={device} bs=4k count=1 iflag=direct status=none | head -c {len(PATTERN)}").strip()


def exported(server, volume):
    """Is its namespace enabled, and linked at both portals?"""
    enabled = server.vm.run(f"cat {CONFIGFS}/subsystems/{volume['nqn']}/namespaces/{volume['nsid']}/enable").strip()
    return enabled == "1" and server.vm.run(f"ls {CONFIGFS}/ports/*/subsystems").split().count(volume["nqn"]) == 2


def test_install(server):
    server.install()
    assert state(server, "LoadState") == "loaded"
    assert state(server, "UnitFileState") == "disabled"
    assert state(server, "ActiveState") == "inactive"
    assert "beginning with a copy of" in check(server, fails=1)
    # What the message names is there, and the agent takes it for a configuration.
    server.vm.run("cp /usr/share/doc/nvmetcp-target/examples/target.json /tmp/ && "
                  "nvmetcp-target --check-config /tmp/target.json")


def test_check_says_what_is_missing(server):
    server.configure()
    said = check(server)
    for line in ("OK    kernel module nvmet-tcp: available; the service loads it", "OK    configfs: mounted",
                 "OK    gate: nft works", "OK    pool pool: /srv/pool: XFS, mounted",
                 "WARN  agent: does not run", "OK    token: ", "WARN  certificate: /etc/nvmetcp/server.pem: expires on ",
                 f"OK    portal {server.vm.ip}:4420: the address is there, the port is free",
                 f"OK    API at {server.vm.ip}:4443: the address is there, the port is free"):
        assert line in said
    run = server.vm.run
    run("umount /srv/pool; chmod 644 /etc/nvmetcp/token; ip addr del "
        f"{server.vm.ip2}/24 dev eth1; mv /usr/sbin/nft /usr/sbin/nft.away")
    other = run(f"setsid socat TCP-LISTEN:4420,bind={server.vm.ip},fork PIPE </dev/null >/dev/null 2>&1 & echo $!").strip()
    server.vm.wait_for(f"ss -Hltn 'src {server.vm.ip}:4420' | grep -q .", what="socat to listen")
    said = check(server, fails=5)
    for line in ("FAIL  pool pool: /srv/pool: no pool is there", "lets others at the secret",
                 f"FAIL  portal {server.vm.ip2}:4420: no network interface of this machine has the address",
                 "FAIL  gate: ", f"in use by socat (process {other})"):
        assert line in said
    run(f"kill {other}; mv /usr/sbin/nft.away /usr/sbin/nft; ip addr add {server.vm.ip2}/24 dev eth1; "
        "chmod 600 /etc/nvmetcp/token; mount /srv/pool")
    server.vm.wait_for(f"! ss -Hltn 'src {server.vm.ip}:4420' | grep -q .", what="socat to end")
    check(server)


def test_service(server, volume):
    server.start()
    assert state(server, "Type") == "notify"
    assert state(server, "ActiveState") == "active"
    volume.update(server.call("PUT", "/v1/volumes/one", {"pool": "pool", "instance": "test", "size": 64 << 20}))
    server.call("PUT", f"/v1/volumes/one/hosts/{HOST}")
    assert exported(server, volume)
    device = connect(server, volume)
    server.vm.run(f"printf {PATTERN} | dd of={device} bs=4k conv=sync oflag=direct status=none")
    assert read(server, device) == PATTERN
    said = check(server)
    assert f"OK    agent: runs as process {state(server, 'MainPID')}\n" in said
    assert f"OK    API at {server.vm.ip}:4443: the agent serves there\n" in said
    assert f"OK    portal {server.vm.ip}:4420: open, volumes are exported\n" in said


def watch_io(server, device):
    """Read from the device without end; the file /tmp/io-failed appears when a read fails."""
    server.vm.run(
        "rm -f /tmp/io-failed /tmp/io-stop; (while [ ! -e /tmp/io-stop ]; do "
        f"dd if={device} of=/dev/null bs=4k count=64 iflag=direct status=none || touch /tmp/io-failed; "
        "done; touch /tmp/io-ended) </dev/null >/dev/null 2>&1 &")


def io_undisturbed(server):
    server.vm.run("touch /tmp/io-stop")
    server.vm.wait_for("test -e /tmp/io-ended", what="the reader to end")
    server.vm.run("rm /tmp/io-ended")
    lost = server.vm.run("dmesg | grep -ciE 'nvme.*(reconnect|I/O error|timeout)' || true").strip()
    return server.vm.run("test -e /tmp/io-failed", check=False)[0] != 0 and lost == "0"


def test_restart_leaves_exports(server, volume):
    device = server.vm.run("ls /dev/nvme*n1").strip()
    watch_io(server, device)
    before = state(server, "MainPID")
    # As an lvm that is still at work for an agent that ends.
    command = server.vm.run("setsid sleep 3600 </dev/null >/dev/null 2>&1 & echo $!").strip()
    server.vm.run(f"echo {command} >/sys/fs/cgroup/$(systemctl show -P ControlGroup {storage.UNIT})/cgroup.procs")
    server.vm.run(f"systemctl restart {storage.UNIT}")
    server.wait()
    assert state(server, "MainPID") != before
    assert exported(server, volume)
    assert io_undisturbed(server)
    server.vm.run(f"kill {command}")


def test_volumes_in_lvm_are_not_looked_into(server):
    """The package's rule for udev: what hosts put into logical volumes of the agent is theirs."""
    server.vm.run("truncate -s 128M /srv/pool/disk && losetup /dev/loop7 /srv/pool/disk && vgcreate vg /dev/loop7 && "
                  "lvcreate --yes -L 32m -n nvmetcp.v.one vg && lvcreate --yes -L 32m -n other vg && "
                  "mkfs.ext4 -q /dev/vg/nvmetcp.v.one && mkfs.ext4 -q /dev/vg/other && "
                  "udevadm trigger --action=change --settle /dev/vg/nvmetcp.v.one /dev/vg/other")
    seen = {name: server.vm.run(f"udevadm info --query=property /dev/vg/{name}") for name in ("nvmetcp.v.one", "other")}
    server.vm.run("vgremove --force vg && losetup -d /dev/loop7 && rm /srv/pool/disk")
    assert "ID_FS_TYPE=ext4\n" in seen["other"]
    assert "DM_UDEV_DISABLE_OTHER_RULES_FLAG=1\n" in seen["nvmetcp.v.one"]
    assert "ID_FS" not in seen["nvmetcp.v.one"]


def test_upgrade_restarts_the_agent_only(server, volume):
    device = server.vm.run("ls /dev/nvme*n1").strip()
    server.vm.run(
        f"dpkg-deb -R {server.deb} /tmp/next && sed -i 's/^Version: .*/&+next/' /tmp/next/DEBIAN/control && "
        "dpkg-deb --root-owner-group -b /tmp/next /tmp/next.deb")
    watch_io(server, device)
    before = state(server, "MainPID")
    server.vm.run("DEBIAN_FRONTEND=noninteractive apt-get -q install -y /tmp/next.deb", timeout=180)
    assert server.vm.run("dpkg-query -W -f '${Version}' nvmetcp-target").endswith("+next")
    server.wait()
    assert state(server, "MainPID") not in (before, "0")
    assert exported(server, volume)
    assert io_undisturbed(server)
    assert state(server, "UnitFileState") == "enabled"
    # A stopped agent stays stopped: its administrator had a reason.
    server.stop()
    server.vm.run("sed -i 's/^Version: .*/&.2/' /tmp/next/DEBIAN/control && "
                  "dpkg-deb --root-owner-group -b /tmp/next /tmp/next.deb && "
                  "dpkg -i /tmp/next.deb", timeout=180)
    assert state(server, "ActiveState") == "inactive"
    assert exported(server, volume)
    assert read(server, device) == PATTERN


def test_power_cut(server, volume):
    server.vm.run("sync")
    server.power_cycle()
    assert state(server, "ActiveState") == "active"
    # Before any address: hosts that come early meet the gate, not a target without their volume.
    ready = int(state(server, "ActiveEnterTimestampMonotonic"))
    network = int(state(server, "InactiveExitTimestampMonotonic", "nv-network.service"))
    assert 0 < ready < network
    server.vm.wait_for(f"ls {CONFIGFS}/ports/*/subsystems | grep -c {volume['nqn']} | grep -qx 2",
                       what="both portals to be open")
    assert exported(server, volume)
    assert read(server, connect(server, volume)) == PATTERN
    assert "nvmetcp_target" not in server.vm.run("nft list tables")
    check(server)


def test_remove_and_purge(server, volume):
    device = server.vm.run("ls /dev/nvme*n1").strip()
    watch_io(server, device)
    said = server.vm.run("DEBIAN_FRONTEND=noninteractive apt-get -q remove -y nvmetcp-target", timeout=180)
    assert "exports that stay in the kernel until the next reboot, so that hosts go on: 1" in said
    assert server.vm.run("pgrep -x nvmetcp-target", check=False)[0] == 1
    assert exported(server, volume)
    assert io_undisturbed(server)
    server.vm.run("test ! -e /usr/sbin/nvmetcp-target && test -e /etc/nvmetcp/target.json && "
                  "test -e /var/lib/nvmetcp-target/pools/pool.json")
    server.vm.run("dpkg --purge nvmetcp-target", timeout=180)
    server.vm.run("test ! -e /var/lib/nvmetcp-target && test -e /etc/nvmetcp/token && "
                  "test ! -e /usr/lib/systemd/system/nvmetcp-target.service")
    assert read(server, device) == PATTERN
    # What the pool holds is there for whoever installs it again.
    server.vm.run(f"test -e {storage.POOL}/.nvmetcp-pool && test -e {storage.POOL}/volumes/one.img")
    server.install()
    server.start()
    assert [v["id"] for v in server.call("GET", "/v1/volumes")["volumes"]] == ["one"]
