# SPDX-License-Identifier: Apache-2.0
"""The double against the facts: every release, every method, both ways in; and that the check sees."""

import json

import factcheck
import facts_lvol
import pytest
from conftest import exchange, post, split

RELEASES = ("22.09", "23.09", "24.01", "24.05", "24.09", "25.05", "25.09", "26.01", "26.05", "26.09")

# Without a table of parameters of their own, or only for the start of the target.
NO_REFUSAL = {"nvmf_get_stats", "keyring_get_keys", "framework_start_init", "framework_wait_init",
              "bdev_wait_for_examine"}


class HttpClient:
    """The same calls through the proxy."""

    def __init__(self, double):
        self.double = double

    def close(self):
        pass

    def call(self, method, params=None):
        request = {"jsonrpc": "2.0", "id": 1, "method": method, **({} if params is None else {"params": params})}
        status, _, body = split(exchange(self.double, post(json.dumps(request))))
        assert status == "HTTP/1.0 200 OK", status
        answer = json.loads(body)
        if "error" in answer:
            raise factcheck.RpcFailed(answer["error"])
        return answer["result"]


def report(wrong):
    return "\n".join("%s: %s" % (row.name, why) for row, why in wrong)


@pytest.mark.parametrize("release", RELEASES)
def test_every_fact_holds(run, release):
    checker = run("--release", release, http=False).checker()
    rows = factcheck.all_rows()
    assert sum(bool(checker.fits(row)) for row in rows) > 150
    wrong = checker.check(rows)
    assert not wrong, report(wrong)


def test_every_fact_holds_behind_the_proxy(double):
    wrong = double.checker(HttpClient(double)).check(factcheck.all_rows())
    assert not wrong, report(wrong)


def test_every_method_has_facts(double):
    """Of each method: that it works, and how it refuses."""
    methods = set(double.client().call("rpc_get_methods"))
    called = {"ok": set(), "err": set()}
    for row in factcheck.all_rows():
        for method, _, expect in [(row.method, row.params, row.expect), *row.then]:
            called[expect[0]].add(method)
    works = called["ok"] | {"framework_start_init", "nvmf_set_max_subsystems", "nvmf_create_transport",
                            "bdev_lvol_create_lvstore", "bdev_aio_create", "bdev_aio_delete", "bdev_aio_rescan",
                            "bdev_lvol_check_shallow_copy"}  # test_restart.py, test_target.py
    assert methods - works == set()
    assert methods - called["err"] - NO_REFUSAL == set()


@pytest.mark.parametrize("divergence,caught", [
    ("lvstores-empty-params", {"stores: {} is refused"}),
    ("delete-guarded", {"delete under a host: nothing prevents it"}),
    ("early-duplicate", {"snapshot: a name that is taken: found late", "snapshot: a name of 64 bytes"}),
])
def test_a_divergence_is_caught(run, divergence, caught):
    """Each is wrong in one point, and the check names that point and no other."""
    wrong = run("--diverge", divergence, http=False).checker().check(facts_lvol.ROWS)
    assert {row.name for row, _ in wrong} == caught
