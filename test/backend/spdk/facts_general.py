# SPDX-License-Identifier: Apache-2.0
"""Facts: the envelope's errors, versions, states, bdevs, limits, keys."""

import os
import stat
import tempfile

from factcheck import R, Row, absent, both, err, exactly, ok, uuid

DECODE = err(-32603, "spdk_json_decode_object failed")
NO_DEVICE = err(-19, "No such device")
VOLUME = ("bdev_lvol_create", {"lvs_name": "lvs0", "lvol_name": "v", "@MiB": 8, "thin_provision": True})
LIMITS = ("rw_ios_per_sec", "rw_mbytes_per_sec", "r_mbytes_per_sec", "w_mbytes_per_sec")


FOLDER = tempfile.TemporaryDirectory(prefix="nvmetcp-keys-")  # lives as long as the program


def key_file(mode, content=b"NVMeTLSkey-1:01:AAAA:"):
    """A file on the target's machine; its mode is what matters."""
    fd, path = tempfile.mkstemp(dir=FOLDER.name)
    os.write(fd, content)
    os.fchmod(fd, mode)
    os.close(fd)
    return path


def has(*names):
    return lambda value: set(names) <= set(value)


def lacks(*names):
    return lambda value: not set(names) & set(value)


def limits(**wanted):
    return ok([{"assigned_rate_limits": {**dict.fromkeys(LIMITS, 0), **wanted}}])


GENERAL = [
    Row("a method that is not there", "bdev_lvol_get_fragmap", {"name": "x"}, err(-32601, "Method not found")),
    Row("version", "spdk_get_version", None, ok({"version": lambda v: v.startswith("SPDK v"),
                                                 "fields": {"major": lambda n: n >= 22, "minor": lambda n: 1 <= n <= 12,
                                                            "patch": 0, "suffix": lambda s: isinstance(s, str)}})),
    Row("version takes no params, not even none", "spdk_get_version", {},
        err(-32602, "spdk_get_version method requires no parameters")),
    Row("methods: {} is fine", "rpc_get_methods", {}, ok(has("bdev_get_bdevs", "nvmf_get_subsystems", "spdk_get_version"))),
    Row("methods without params", "rpc_get_methods", None, ok(has("bdev_lvol_create"))),
    Row("methods: current ones", "rpc_get_methods", {"current": True}, ok(both(has("bdev_get_bdevs"),
                                                                               lacks("nvmf_set_max_subsystems")))),
    Row("methods: an unknown param", "rpc_get_methods", {"all": True}, err(-32602, "Invalid parameters")),
    Row("methods of 24.05", "rpc_get_methods", None,
        ok(has("nvmf_ns_add_host", "keyring_file_add_key", "nvmf_subsystem_set_ns_ana_group")), since=(24, 5)),
    Row("not before 24.05", "rpc_get_methods", None,
        ok(lacks("nvmf_ns_add_host", "keyring_file_add_key", "nvmf_subsystem_set_ns_ana_group")), until=(24, 5)),
    Row("set_keys is of 24.09", "rpc_get_methods", None, ok(lacks("nvmf_subsystem_set_keys")), until=(24, 9)),
    Row("get_lvols is of 23.05", "bdev_lvol_get_lvols", None, err(-32601, "Method not found"), until=(23, 5)),
    Row("wait_init", "framework_wait_init", None, ok(True)),
    Row("examine", "bdev_wait_for_examine", None, ok(True)),
    Row("a method of the start only", "nvmf_set_max_subsystems", {"max_subsystems": 2}, err(
        -1, "Method may only be called before framework is initialized. Use --wait-for-rpc command line parameter "
        "and then issue this RPC before the framework_start_init RPC.")),
    Row("config: an unknown part", "framework_get_config", {"name": "x"}, err(-32602, "Subsystem 'x' not found")),
    Row("config: with_batches is of 26.05", "framework_get_config", {"name": "nvmf", "with_batches": False},
        err(-32602, "Invalid parameters"), until=(26, 5)),
]

BDEVS = [
    Row("all bdevs", "bdev_get_bdevs", None, ok(lambda v: len(v) >= 1)),
    Row("bdevs: {} is all as well", "bdev_get_bdevs", {}, ok(lambda v: len(v) >= 1)),
    Row("an unknown bdev", "bdev_get_bdevs", {"name": "lvs0/none"}, NO_DEVICE),
    Row("an unknown bdev, after the timeout", "bdev_get_bdevs", {"name": "lvs0/none", "timeout": 5}, NO_DEVICE),
    Row("bdevs: an unknown param", "bdev_get_bdevs", {"alias": "x"}, DECODE),
    Row("bdevs: a number for a name", "bdev_get_bdevs", {"name": 1}, DECODE),
    Row("a bdev by its alias", "bdev_get_bdevs", {"name": "lvs0/v"}, ok([{
        "name": uuid, "aliases": ["lvs0/v"], "product_name": "Logical Volume", "uuid": uuid, "claimed": False,
        "zoned": False, "assigned_rate_limits": dict.fromkeys(LIMITS, 0),
        "supported_io_types": {"read": True, "write": True, "unmap": True},
        "driver_specific": {"lvol": both(absent("base_snapshot", "clones"), {
            "lvol_store_uuid": uuid, "base_bdev": lambda v: isinstance(v, str), "thin_provision": True,
            "num_allocated_clusters": 0, "snapshot": False, "clone": False, "esnap_clone": False})}}]), given=[VOLUME]),
    Row("a bdev by its uuid", "bdev_get_bdevs", {"name": R[0]}, ok([{"aliases": ["lvs0/v"]}]), given=[VOLUME]),
    Row("iostat by name, up to 26.01", "bdev_get_iostat", {"name": "lvs0/v"},
        ok({"tick_rate": lambda n: n > 0, "ticks": lambda n: n > 0, "bdevs": [{"name": uuid, "bytes_read": 0}]}),
        given=[VOLUME], until=(26, 5)),
    Row("iostat by name, no more", "bdev_get_iostat", {"name": "lvs0/v"}, DECODE, given=[VOLUME], since=(26, 5)),
    Row("iostat by names, not yet", "bdev_get_iostat", {"names": ["lvs0/v"]}, DECODE, given=[VOLUME], until=(26, 1)),
    Row("iostat by names", "bdev_get_iostat", {"names": ["lvs0/v"]}, ok({"bdevs": [{"name": uuid}]}), given=[VOLUME],
        since=(26, 1)),
    Row("iostat of an unknown bdev", "bdev_get_iostat", {"name": "x"}, NO_DEVICE, until=(26, 5)),
    Row("iostat of all", "bdev_get_iostat", None, ok({"bdevs": lambda v: len(v) >= 2}), given=[VOLUME]),
    Row("a limit, rounded up", "bdev_set_qos_limit", {"name": "lvs0/v", "rw_ios_per_sec": 1001}, ok(True),
        given=[VOLUME], then=[("bdev_get_bdevs", {"name": "lvs0/v"}, limits(rw_ios_per_sec=2000))]),
    Row("limits: what is left out stays, 0 takes away", "bdev_set_qos_limit",
        {"name": "lvs0/v", "rw_ios_per_sec": 0, "r_mbytes_per_sec": 7}, ok(True),
        given=[VOLUME, ("bdev_set_qos_limit", {"name": R[0], "rw_ios_per_sec": 5000, "w_mbytes_per_sec": 3})],
        then=[("bdev_get_bdevs", {"name": "lvs0/v"}, limits(r_mbytes_per_sec=7, w_mbytes_per_sec=3))]),
    Row("no limit given", "bdev_set_qos_limit", {"name": "lvs0/v"}, err(-22, "No rate limits specified"), given=[VOLUME]),
    Row("a limit for an unknown bdev", "bdev_set_qos_limit", {"name": "x", "rw_ios_per_sec": 1}, NO_DEVICE),
    Row("a limit that is a string", "bdev_set_qos_limit", {"name": "x", "rw_ios_per_sec": "1"}, DECODE),
    Row("a bdev in memory", "bdev_malloc_create", {"name": "factm", "num_blocks": 2048, "block_size": 512}, ok("factm"),
        then=[("bdev_malloc_create", {"name": "factm", "num_blocks": 2048, "block_size": 512}, err(-17, "File exists")),
              ("bdev_malloc_delete", {"name": "factm"}, ok(True)), ("bdev_malloc_delete", {"name": "factm"}, NO_DEVICE)]),
    Row("a bdev on no file", "bdev_aio_create", {"name": "facta", "filename": "/nonexistent", "block_size": 512},
        err(-2, "No such file or directory")),
    Row("aio: an unknown bdev", "bdev_aio_delete", {"name": "facta"}, NO_DEVICE),
    Row("aio rescan: an unknown bdev", "bdev_aio_rescan", {"name": "facta"}, NO_DEVICE),
]

KEY, OPEN_KEY = key_file(stat.S_IRUSR | stat.S_IWUSR), key_file(0o644)
KEYS = [
    Row("a key", "keyring_file_add_key", {"name": "k", "path": KEY}, ok(True), since=(24, 5), then=[
        ("keyring_get_keys", None, ok([both(exactly("name", "module", "removed", "probed", "refcnt", "path"),
                                            {"name": "k", "module": "keyring_file", "removed": False, "path": KEY})])),
        ("keyring_file_add_key", {"name": "k", "path": KEY}, err(-17, "File exists")),
        ("keyring_file_remove_key", {"name": "k"}, ok(True)),
        ("keyring_file_remove_key", {"name": "k"}, err(-126, "Required key not available"))]),
    Row("a key that others may read", "keyring_file_add_key", {"name": "k", "path": OPEN_KEY},
        err(-1, "Operation not permitted"), since=(24, 5)),
    Row("a key by a relative path", "keyring_file_add_key", {"name": "k", "path": "k"},
        err(-1, "Operation not permitted"), since=(24, 5)),
    Row("a key that is not there", "keyring_file_add_key", {"name": "k", "path": "/nonexistent"},
        err(-2, "No such file or directory"), since=(24, 5)),
    Row("a key without a path", "keyring_file_add_key", {"name": "k"}, err(-32602, "Invalid argument"), since=(24, 5)),
]

ROWS = GENERAL + BDEVS + KEYS
