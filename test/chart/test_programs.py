# SPDX-License-Identifier: Apache-2.0
"""The programs themselves take what the chart gives them."""

import json
import os
import shlex
import subprocess

import chart
import pytest

BIN = os.environ["BIN"]
# What kubelet tells every container.
OF_A_POD = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}


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
{csic} --socket /csi/csi.sock GetPluginCapabilities | tr -d '\n'
echo
kill $pid
wait $pid
"""


def run_apart(script):
    """In a network, mounts and processes of its own: when the test gives up, all that it started ends."""
    return subprocess.run(["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--propagation",
                           "private", "sh", "-c", script], check=False, text=True, timeout=120,
                          env={**os.environ, **OF_A_POD}, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def offers_topology(capabilities):
    """What the program says for itself must be what the chart tells the provisioner."""
    return "VOLUME_ACCESSIBILITY_CONSTRAINTS" in [
        c.get("service", {}).get("type") for c in capabilities["capabilities"]]


@pytest.mark.parametrize("values", ["minimal", "many-backends", "full", "hardened", "zones"])
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
                        csic=os.path.join(BIN, "csic"), address=address.replace("0.0.0.0", "127.0.0.1").replace("[::]", "[::1]"))
    done = run_apart(script)
    assert done.returncode == 0, done.stdout + done.stderr
    well, socket, capabilities = done.stdout.splitlines()
    assert (well, socket) == ("ok", f"660:{pod['securityContext']['fsGroup']}"), done.stderr
    asked = "--feature-gates=Topology=true" in objects.container("controller", "csi-provisioner")["args"]
    assert offers_topology(json.loads(capabilities)) is asked is (values == "zones")


RUN_CHANGED = """
set -e
ip link set lo up
mkdir -p /etc/nvmetcp-csi /csi
mount -t tmpfs tmpfs /csi
mount --bind {given} /etc/nvmetcp-csi
{program} {args} & pid=$!
timeout 60 sh -c 'until [ -S /csi/csi.sock ]; do sleep 0.1; done'
offered() {{ {csic} --socket /csi/csi.sock GetPluginCapabilities | grep -c ACCESSIBILITY; }}
is() {{ curl --silent --globoff --max-time 5 http://{address}/metrics | grep -q "^nvmetcp_config_last_reload_successful $1"; }}
until_is() {{ for try in $(seq 600); do is $1 && return; sleep 0.1; done; false; }}
offered
echo '{{' >/etc/nvmetcp-csi/new && mv /etc/nvmetcp-csi/new /etc/nvmetcp-csi/config.json
until_is 0
offered
cp {changed} /etc/nvmetcp-csi/new && mv /etc/nvmetcp-csi/new /etc/nvmetcp-csi/config.json
until_is 1
offered || true
kill $pid
wait $pid
"""


def test_controller_takes_a_changed_config_over(tmp_path):
    """A bad file changes nothing; a good one is in force, here one without topology, in the same process."""
    objects = chart.render("zones")
    args = objects.pod("controller")["containers"][0]["args"]
    config = objects.config()
    given = tmp_path / "given"
    given.mkdir()
    (given / "config.json").write_text(json.dumps(config))
    for backend in config["backends"]:
        backend.pop("topology", None)
    (tmp_path / "changed.json").write_text(json.dumps(config))
    address = next(a for a in args if a.startswith("--http-address=")).split("=", 1)[1]
    done = run_apart(RUN_CHANGED.format(
        given=given, changed=tmp_path / "changed.json", program=os.path.join(BIN, "nvmetcp-controller"),
        args=shlex.join(args), csic=os.path.join(BIN, "csic"), address=address.replace("0.0.0.0", "127.0.0.1")))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.split() == ["1", "1", "0"], done.stderr
    assert done.stderr.count("the changed configuration is refused") == 1
    assert '"kept":1,"opened":2' in done.stderr


# Without modules, so that none is loaded into the kernel of whoever runs the tests.
RUN_NODE = """
set -e
ip link set lo up
mount -t tmpfs tmpfs /lib/modules
mkdir -p /var/lib/kubelet /etc/nvmetcp-csi
mount -t tmpfs tmpfs /var/lib/kubelet && mkdir -p /var/lib/kubelet/plugins_registry
mkdir -p $(dirname {socket})
mount --bind {given} /etc/nvmetcp-csi
{program} {args} & pid=$!
timeout 60 sh -c 'until [ -S {socket} ]; do sleep 0.1; done'
for rpc in NodeGetInfo GetPluginCapabilities; do
	{csic} --socket {socket} $rpc | tr -d '\n'
	echo
done
kill $pid
wait $pid
"""
ZONE, FABRIC = "nvmetcp.csi.dev/zone", "example.com/fabric"


@pytest.mark.parametrize("values,node,segments", [
    ("zones", "a-1", {ZONE: "a"}), ("zones", "old-2", {ZONE: "a"}), ("zones", "old-3", None),
    ("zones", "b-1", {ZONE: "b", FABRIC: "blue"}), ("minimal", "a-1", None)])
def test_node_tells_where_it_is(values, node, segments, tmp_path):
    """With the flags and the file that the pod has."""
    objects = chart.render(values)
    for kept in objects.kind("ConfigMap"):
        for name, text in kept["data"].items():
            (tmp_path / name).write_text(text)
    args = [*objects.container("node", "nvmetcp-node")["args"], f"--node-name={node}"]
    socket = next(a for a in args if a.startswith("--endpoint=")).removeprefix("--endpoint=unix://")
    done = run_apart(RUN_NODE.format(given=tmp_path, socket=socket, args=shlex.join(args),
                                     program=os.path.join(BIN, "nvmetcp-node"), csic=os.path.join(BIN, "csic")))
    assert done.returncode == 0, done.stdout + done.stderr
    info, capabilities = map(json.loads, done.stdout.splitlines())
    assert info.get("accessible_topology", {}).get("segments") == segments
    assert offers_topology(capabilities) is (values == "zones")
    assert ("nothing says in which segment" in done.stderr) is (values == "zones" and segments is None)
