# SPDX-License-Identifier: Apache-2.0
"""One cluster for all tests of this folder: two nodes, a storage server, the driver by helm."""

import os

import attached
import cluster as clusters
import pytest


@pytest.fixture(scope="session")
def cluster():
    if os.environ.get("NV_ATTACH"):
        with attached.Cluster() as there:
            yield there
        return
    with clusters.Cluster(nodes=2) as fresh:
        fresh.install_driver()
        yield fresh


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.failed and call.when == "call" and "cluster" in item.funcargs:
        report.sections.append(("cluster", f"logs and state: {item.funcargs['cluster'].collect_logs()}"))
    return report
