# SPDX-License-Identifier: Apache-2.0
"""P4 with SPDK: unpublish is done when the host's connections are gone, not when it is off the list."""

import concurrent.futures
import time

import driver
import meter
import plugins
import pytest
from driver import CsiError

OTHER = meter.NODE.removesuffix("1") + "2"
MANY = driver.capability("block", mode="MULTI_NODE_MULTI_WRITER")


def subsystem(pool):
    return next(each for each in pool.double.client().call("nvmf_get_subsystems") if each["subtype"] == "NVMe")


def hosts(pool):
    return {each["nqn"] for each in subsystem(pool)["hosts"]}


def connected(pool, nqn):
    return {each["hostnqn"] for each in pool.double.client().call("nvmf_subsystem_get_controllers", {"nqn": nqn})}


def unpublish(pool, volume, node):
    pool.controller.call("ControllerUnpublishVolume", volume_id=volume, node_id=node)


def until(true):
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def published_to_both(pool):
    """Return: a volume that two nodes have and are connected to, and its subsystem."""
    volume = pool.controller.call("CreateVolume", **pool.new_volume(volume_capabilities=[MANY]))["volume"]["volume_id"]
    for node in (meter.NODE, OTHER):
        pool.controller.call("ControllerPublishVolume", volume_id=volume, node_id=node, volume_capability=MANY)
    nqn = subsystem(pool)["nqn"]
    for node in (meter.NODE, OTHER):
        pool.target.do("connect", nqn=nqn, host=node)
    return volume, nqn


def test_unpublish_waits_for_the_connections(pool, tmp_path):
    volume, nqn = published_to_both(pool)
    # The target takes the host off its list and cannot make it let go; meanwhile the controller is killed.
    pool.target.do("fault", method="nvmf_subsystem_remove_host", when="during", act="hold")
    with concurrent.futures.ThreadPoolExecutor() as threads:
        first = threads.submit(unpublish, pool, volume, meter.NODE)
        until(lambda: hosts(pool) == {OTHER})
        pool.controller.process.kill()
        pool.controller.process.wait()
        with pytest.raises(CsiError):
            first.result()
    assert connected(pool, nqn) == {meter.NODE, OTHER}
    pool.controller = plugins.controller(tmp_path, pool.double)
    with pytest.raises(CsiError, match="being cut off") as failed:
        unpublish(pool, volume, meter.NODE)
    assert failed.value.code == "ABORTED"
    pool.target.do("release")
    until(lambda: connected(pool, nqn) == {OTHER})
    unpublish(pool, volume, meter.NODE)
    assert connected(pool, nqn) == {OTHER}
    unpublish(pool, volume, OTHER)
    pool.controller.call("DeleteVolume", volume_id=volume)
