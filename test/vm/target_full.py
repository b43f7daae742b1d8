#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Inside a VM: another writer takes the last block of the pool, and all that is given out lives on.

Hosts keep what they wrote; access is taken and given and volumes go; what needs space is refused;
the agent comes back, also over an empty kernel; and when space returns nothing is left of it.
"""

import os

import target_agent as ta

MIB = ta.MIB
FILLER = ta.POOL + "/filler"


def fill():
    """Until not even one block can be had; what the file system frees late is taken, too."""
    def full():
        with open(FILLER, "ab", buffering=0) as f:
            for size in (MIB, 4096):
                try:
                    while True:
                        f.write(bytes(size))
                except OSError as error:
                    assert error.errno == 28, error
            try:
                os.fsync(f.fileno())
            except OSError as error:
                assert error.errno == 28, error
        try:
            with open(ta.POOL + "/probe", "wb", buffering=0) as f:
                f.write(b"x")
                os.fsync(f.fileno())
            return False
        except OSError as error:
            return error.errno == 28
        finally:
            if os.path.exists(ta.POOL + "/probe"):
                os.unlink(ta.POOL + "/probe")
    ta.until("the pool to be full", full)


def refused_write(device):
    try:
        ta.write_block(device, 40 * MIB, "new")
    except OSError:
        return
    raise AssertionError("a write into a new block of a full pool went through")


def take_and_give(rounds):
    for _ in range(rounds):
        fill()
        ta.want(204, "DELETE", ta.host_path("v2", ta.HOST_A))
        ta.want(200, "PUT", ta.host_path("v2", ta.HOST_A))
        ta.want(204, "DELETE", "/v1/volumes/v2/hosts")
        for host in (ta.HOST_A, ta.HOST_B):
            ta.want(200, "PUT", ta.host_path("v2", host))


def test_full(agent):
    for volume in ("v1", "v2", "v3", "v4"):
        ta.want(201, "PUT", f"/v1/volumes/{volume}", ta.volume_body(64 * MIB))
    ta.want(201, "PUT", "/v1/snapshots/s1", {"volume": "v1"})
    export = ta.want(200, "PUT", ta.host_path("v1", ta.HOST_A))
    ta.connect(export, ta.HOST_A)
    device = ta.disk(export)
    ta.write_block(device, 0, "kept")
    for host in (ta.HOST_A, ta.HOST_B):
        ta.want(200, "PUT", ta.host_path("v2", host))
    fill()
    ta.write_block(device, 0, "over")
    refused_write(device)
    ta.want(507, "PUT", "/v1/volumes/v5", ta.volume_body(MIB))
    ta.want(507, "PUT", "/v1/snapshots/s2", {"volume": "v1"})
    take_and_give(12)
    fill()
    ta.want(200, "POST", "/v1/volumes/v2/resize", {"size": 96 * MIB})
    ta.want(204, "DELETE", "/v1/snapshots/s1")
    fill()
    ta.want(204, "DELETE", "/v1/volumes/v3")
    fill()
    return export, device


def test_restarts(agent, export, device):
    agent.kill()
    agent.start()
    assert ta.read_block(device, 0) == ta.text_of("over")
    agent.stop()
    ta.disconnect(export["nqn"])
    ta.teardown()
    ta.run("umount", ta.POOL)
    ta.run("mount", ta.DISK, ta.POOL)
    fill()
    agent.start()
    ta.connect(export, ta.HOST_A)
    device = ta.disk(export)
    assert ta.read_block(device, 0) == ta.text_of("over")
    take_and_give(2)
    fill()
    ta.want(204, "DELETE", "/v1/volumes/v4")
    return device


def test_space_again(agent, export, device):
    os.unlink(FILLER)
    ta.want(201, "PUT", "/v1/volumes/v5", ta.volume_body(MIB))
    ta.write_block(device, 40 * MIB, "new")
    assert ta.read_block(device, 40 * MIB) == ta.text_of("new")
    assert ta.read_block(device, 0) == ta.text_of("over")
    for spare in os.listdir(ta.POOL + "/.spare"):
        assert os.stat(f"{ta.POOL}/.spare/{spare}").st_blocks * 512 >= 65536, spare
    ta.disconnect(export["nqn"])
    for volume in ("v1", "v2", "v5"):
        ta.want(204, "DELETE", f"/v1/volumes/{volume}/hosts")
        ta.want(204, "DELETE", f"/v1/volumes/{volume}")
    ta.nothing_exported()
    assert ta.pool_files() == []
    agent.stop()


def main():
    agent = ta.Agent()
    ta.mount_pool()
    ta.init_pool()
    ta.configure(pools=[{"name": "pool", "path": ta.POOL, "ratio": 4}])
    agent.start()
    with ta.ended(agent):
        export, device = test_full(agent)
        print("ok: full", flush=True)
        device = test_restarts(agent, export, device)
        print("ok: restarts", flush=True)
        test_space_again(agent, export, device)
        print("all of it was seen", flush=True)


if __name__ == "__main__":
    main()
