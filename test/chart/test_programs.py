# SPDX-License-Identifier: Apache-2.0
"""The programs themselves take what the chart gives them."""

import os
import shlex
import subprocess

import chart
import pytest

BIN = os.environ["BIN"]


@pytest.mark.parametrize("name", chart.SIDECARS)
def test_sidecar_knows_its_flags(name):
    for values in ("many-backends", "full"):
        args = chart.render(values).container("controller", f"csi-{name}")["args"]
        program = chart.tool(name, f"csi-{name}")
        # --version is obeyed after all flags were read.
        done = subprocess.run([program, *args, "--version"], check=False, text=True, timeout=60,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert done.returncode == 0, done.stdout
        wrong = subprocess.run([program, *args, "--no-such-flag", "--version"], check=False, timeout=60,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert wrong.returncode != 0


def test_node_knows_its_flags(objects):
    """The last flag that is checked is wrong, so all before it were found right, and nothing starts."""
    args = objects.container("node", "nvmetcp-node")["args"]
    done = subprocess.run([os.path.join(BIN, "nvmetcp-node"), *args, "--node-name=n1", "--max-volumes=0"],
                          check=False, text=True, timeout=60, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 2 and "--max-volumes" in done.stdout, done.stdout


RUN = """
set -e
ip link set lo up
mount -t tmpfs tmpfs /mnt && mkdir -p /mnt/config /mnt/csi /etc/nvmetcp-csi /csi
cp -r {given}/. /mnt/config/
mount --bind /mnt/config /etc/nvmetcp-csi
mount --bind /mnt/csi /csi
{program} {args} & pid=$!
curl --silent --fail --globoff --retry 30 --retry-delay 1 --retry-connrefused --max-time 5 http://{address}/livez
timeout 60 sh -c 'until [ -S /csi/csi.sock ]; do sleep 0.1; done'  # /livez is served first
stat -c %a:%g /csi/csi.sock
kill $pid
wait $pid
"""


@pytest.mark.parametrize("values", ["minimal", "many-backends", "full", "hardened"])
def test_controller_runs_on_the_chart_s_config(values, tmp_path):
    """With flags, configuration and files as the pod has them, in a network of its own."""
    objects = chart.render(values)
    pod = objects.pod("controller")
    args = pod["containers"][0]["args"]
    for path, (_, key) in chart.config_files(pod).items():
        file = tmp_path / os.path.relpath(path, "/etc/nvmetcp-csi")
        file.parent.mkdir(parents=True, exist_ok=True)
        text = objects.one("Secret")["stringData"].get(key, "token" if path.endswith("/token") else "certificate")
        file.write_text(text)
        file.chmod(0o440)
    address = next(a for a in args if a.startswith("--http-address=")).split("=", 1)[1]
    script = RUN.format(given=tmp_path, program=os.path.join(BIN, "nvmetcp-controller"), args=shlex.join(args),
                        address=address.replace("0.0.0.0", "127.0.0.1").replace("[::]", "[::1]"))
    # When the test gives up, all that it started ends with the namespace of processes.
    done = subprocess.run(["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--propagation",
                           "private", "sh", "-c", script], check=False, text=True, timeout=120,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert done.returncode == 0, done.stdout + done.stderr
    gid = pod["securityContext"]["fsGroup"]
    assert done.stdout.splitlines() == ["ok", f"660:{gid}"], done.stderr
