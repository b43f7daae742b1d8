# SPDX-License-Identifier: Apache-2.0
"""Limits of rates: the target keeps to those of the StorageClass before a host can use the volume, always."""

import pytest
from driver import CsiError
from meter import NODE

CLASS = {"backend": "fast", "qosRwIops": "25000", "qosRwMbytes": "250", "qosWMbytes": "120"}
LIMITS = {"rw_ios_per_sec": 25000, "rw_mbytes_per_sec": 250, "r_mbytes_per_sec": 0, "w_mbytes_per_sec": 120}
NONE = dict.fromkeys(LIMITS, 0)


def limits(pool):
    """What the target keeps its only lvol to."""
    bdevs = [each for each in pool.double.client().call("bdev_get_bdevs") if each["product_name"] == "Logical Volume"]
    assert len(bdevs) == 1
    return bdevs[0]["assigned_rate_limits"]


def hosts(pool):
    return [host["nqn"] for each in pool.double.client().call("nvmf_get_subsystems") if each["subtype"] == "NVMe"
            for host in each["hosts"]]


def create(pool, parameters, name="limited"):
    return pool.controller.call("CreateVolume", **{**pool.new_volume(parameters=parameters), "name": name})


def publish(pool, volume):
    return pool.controller.call("ControllerPublishVolume", **pool.publication(volume))


@pytest.fixture
def volume(pool):
    volume = create(pool, CLASS)["volume"]["volume_id"]
    yield volume
    pool.target.do("clear")
    pool.controller.call("ControllerUnpublishVolume", volume_id=volume, node_id=NODE)
    pool.controller.call("DeleteVolume", volume_id=volume)


def test_a_new_volume_is_limited_at_once(pool, volume):
    assert limits(pool) == LIMITS
    assert create(pool, CLASS)["volume"]["volume_id"] == volume


def test_other_limits_are_another_volume(pool, volume):
    for other in ({**CLASS, "qosRwIops": "26000"}, {"backend": "fast"}):
        with pytest.raises(CsiError, match="qosRwIops 25000, not") as failed:
            create(pool, other)
        assert failed.value.code == "ALREADY_EXISTS"
    assert limits(pool) == LIMITS and volume


def test_a_restart_of_the_target_forgets_them_and_a_publish_brings_them_back(pool, volume):
    publish(pool, volume)
    pool.target.do("restart")
    assert limits(pool) == NONE
    publish(pool, volume)
    assert limits(pool) == LIMITS


def test_no_host_is_let_in_without_them(pool, volume):
    pool.target.do("restart")
    pool.target.do("fault", method="bdev_set_qos_limit", act="error", when="before", code=-32602, times=9,
                   message="Failed to configure rate limit: Resource temporarily unavailable")
    with pytest.raises(CsiError, match="Failed to configure rate limit") as failed:
        publish(pool, volume)
    assert failed.value.code == "ABORTED"
    assert hosts(pool) == []
    pool.target.do("clear")
    publish(pool, volume)
    assert hosts(pool) == [NODE] and limits(pool) == LIMITS


def test_what_a_lost_request_left_unlimited_is_finished(pool):
    pool.target.do("fault", method="bdev_set_qos_limit", act="reset", when="before", times=1)
    with pytest.raises(CsiError) as failed:
        create(pool, CLASS)
    assert failed.value.code == "UNAVAILABLE"
    assert limits(pool) == NONE
    volume = create(pool, CLASS)["volume"]["volume_id"]
    assert limits(pool) == LIMITS
    pool.controller.call("DeleteVolume", volume_id=volume)


def test_limits_of_the_operator_stay_where_the_class_has_none(pool):
    volume = create(pool, {"backend": "fast"})["volume"]["volume_id"]
    name = pool.double.client().call("bdev_lvol_get_lvols")[0]["uuid"]
    pool.double.client().call("bdev_set_qos_limit", {"name": name, "r_mbytes_per_sec": 7})
    publish(pool, volume)
    assert limits(pool) == {**NONE, "r_mbytes_per_sec": 7}
    pool.controller.call("ControllerUnpublishVolume", volume_id=volume, node_id=NODE)
    pool.controller.call("DeleteVolume", volume_id=volume)


@pytest.mark.parametrize("key, value, text", [
    ("qosRwIops", "12345", "qosRwIops: 12345 cannot be kept.*use 12000 or 13000"),
    ("qosRMbytes", "1024", "qosRMbytes: 1024 cannot be kept.*use 1000 or 1100"),
    ("qosRwIops", "0", "parameters.qosRwIops"),
    ("qosWMbytes", "fast", "parameters.qosWMbytes"),
    ("qosIops", "1000", "parameters.qosIops: no such parameter"),
])
def test_what_cannot_be_kept_is_refused_by_name(pool, key, value, text):
    with pytest.raises(CsiError, match=text) as failed:
        create(pool, {"backend": "fast", key: value})
    assert failed.value.code == "INVALID_ARGUMENT"
