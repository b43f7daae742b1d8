# SPDX-License-Identifier: Apache-2.0
"""One cluster for all tests of this folder: two nodes, two storage servers of different kinds, the
driver by helm."""

import os
import uuid

import attached
import cluster as clusters
import left
import pytest


@pytest.fixture(scope="session")
def cluster():
    if os.environ.get("NV_ATTACH"):
        with attached.Cluster() as there:
            yield there
        return
    with clusters.Cluster(nodes=2, stores=("file", "lvmthin")) as fresh:
        fresh.install_driver()
        yield fresh


@pytest.fixture
def counts(cluster):
    """At the end nothing may be left of what the test made."""
    what = left.Left(cluster)
    yield what
    what.nothing()


@pytest.fixture
def namespace(cluster, counts):
    """One for the test alone, gone with all that is in it before @counts looks."""
    assert counts
    name = f"test-{uuid.uuid4().hex[:6]}"
    cluster.kubectl("create", "namespace", name)
    cluster.wait("serviceaccount/default", "create", name)
    yield name
    cluster.kubectl("delete", "namespace", name)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.failed and call.when == "call" and "cluster" in item.funcargs:
        report.sections.append(("cluster", f"logs and state: {item.funcargs['cluster'].collect_logs()}"))
    return report
