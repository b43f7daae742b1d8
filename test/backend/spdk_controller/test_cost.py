# SPDX-License-Identifier: Apache-2.0
"""What a call asks of an SPDK target does not grow with what is on it.

SPDK gives its lists whole or one by name: a call that looks at one volume must ask by name, one that must
know all (where is room, which name is taken, what is there) reads each list a fixed number of times.
"""

import meter
import plugins

FEW, MANY = 4, 40
# Calls about one volume or snapshot: not one whole list.
FLAT = {"ControllerPublishVolume", "ControllerPublishVolume, again", "ControllerGetVolume",
        "ListSnapshots, one by its id", "ControllerUnpublishVolume", "DeleteVolume", "DeleteVolume, of a restored one"}
# How often the list of all bdevs is read by the others.
WHOLE = {"CreateVolume": 1, "CreateVolume, of a snapshot": 1, "ControllerExpandVolume": 1,
         "CreateSnapshot": 2,  # before, and for a twin that a lost request made meanwhile
         "DeleteSnapshot": 1, "ListVolumes, a page of 10": 1, "ListSnapshots, a page of 10": 1, "GetCapacity": 1}


def least(pool):
    """The costs of one life; the lesser of two, since the controller may look at its target in between."""
    first, second = pool.life(), pool.life()
    return {what: min(first[what], second[what], key=lambda cost: (cost.count, cost.bytes)) for what in first}


def test_calls_cost_the_same_among_few_and_many(pool):
    pool.fill(FEW, FEW // 2)
    few = least(pool)
    pool.fill(MANY, MANY // 2)
    many = least(pool)
    assert set(few) == FLAT | set(WHOLE)
    wrong = []
    for what, cost in many.items():
        if cost.requests != few[what].requests:
            wrong.append("%s: %s among %d volumes, %s among %d" % (what, few[what].requests, FEW, cost.requests, MANY))
        whole = cost.requests.get("bdev_wait_for_examine", 0)
        if whole != WHOLE.get(what, 0):
            wrong.append("%s: reads all bdevs %d times, not %d" % (what, whole, WHOLE.get(what, 0)))
        if what in FLAT and cost.bytes > few[what].bytes * 1.05:
            wrong.append("%s: %d bytes among %d volumes, %d among %d" % (
                what, few[what].bytes, FEW, cost.bytes, MANY))
    assert not wrong, "\n".join(wrong)
    pool.target.do("wipe")


def test_a_list_of_more_than_a_thousand_is_read_at_once(pool):
    pool.fill(1001, 0, published=False)
    answer, cost = pool.measure("ListVolumes", {"max_entries": 10})
    assert len(answer["entries"]) == 10 and answer["next_token"]
    assert cost.requests.get("bdev_get_bdevs") == cost.requests.get("nvmf_get_subsystems") == 1
    pool.target.do("wipe")


def test_a_controller_that_was_started_anew_reads_all_once(pool, tmp_path):
    pool.fill(FEW, 0)
    volumes = ["fast/" + meter.object_of("v", name) for name in pool.volumes]
    pool.controller.stop()
    pool.controller = plugins.controller(tmp_path, pool.double)
    for volume, whole in zip(volumes, [1] + [0] * (FEW - 1)):
        _, cost = pool.measure("ControllerGetVolume", {"volume_id": volume})
        assert cost.requests.get("bdev_wait_for_examine", 0) == whole
    pool.target.do("wipe")
