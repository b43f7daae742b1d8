# SPDX-License-Identifier: Apache-2.0
"""etcd and Kubernetes' control plane as processes of this machine, in the lab's network."""

import os
import subprocess
import time

import gotools
import pki

ADDRESS = "10.77.0.1"
URL = f"https://{ADDRESS}:6443"
SERVICES = "10.96.0.0/16"
FIRST_SERVICE = "10.96.0.1"
ETCD = "http://127.0.0.1:2379"


class ControlPlane:
    def __init__(self, folder):
        self.folder = folder
        self.processes = {}
        os.makedirs(folder, exist_ok=True)
        self.pki = pki.Authority(os.path.join(folder, "pki"), URL)
        self.pki.sign("apiserver", "kube-apiserver", addresses=(
            f"IP:{ADDRESS}", f"IP:{FIRST_SERVICE}", "IP:127.0.0.1", "DNS:kubernetes", "DNS:kubernetes.default",
            "DNS:kubernetes.default.svc", "DNS:kubernetes.default.svc.cluster.local"))
        self.pki.sign("apiserver-kubelet-client", "kube-apiserver-kubelet-client", "system:masters")
        self.pki.signing_key("service-account")
        self.pki.kubeconfig("kube-proxy", "system:kube-proxy")
        self.admin = self.pki.kubeconfig("admin", "admin", "system:masters")

    def _spawn(self, name, argv):
        log = open(os.path.join(self.folder, f"{name}.log"), "ab")
        # Whoever kills the test takes these along.
        self.processes[name] = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *argv],
                                                stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def _wait(self, name, is_ready, timeout):
        end = time.monotonic() + timeout
        while not is_ready():
            log = os.path.join(self.folder, f"{name}.log")
            if self.processes[name].poll() is not None:
                raise SystemExit(f"{name} ended at its start; see {log}")
            if time.monotonic() > end:
                raise SystemExit(f"{name} was not ready within {timeout} s; see {log}")
            time.sleep(0.2)

    def kubectl(self, *argv, check=True, stdin=None, timeout=300):
        done = subprocess.run([gotools.program("kubernetes", "kubectl"), "--kubeconfig", self.admin, *argv],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, input=stdin,
                              timeout=timeout, check=False)
        if check and done.returncode != 0:
            raise AssertionError(f"kubectl {' '.join(argv)} ended with {done.returncode}:\n{done.stdout}")
        return done.stdout

    def _api_ready(self):
        return subprocess.run(
            [gotools.program("kubernetes", "kubectl"), "--kubeconfig", self.admin, "get", "--raw", "/readyz"],
            capture_output=True, check=False).returncode == 0

    def start(self):
        pki_path = self.pki.path
        # The data of a test cluster need not outlive this machine's power, so no fsync.
        self._spawn("etcd", [
            "/usr/bin/etcd", "--data-dir", os.path.join(self.folder, "etcd"), "--listen-client-urls", ETCD,
            "--advertise-client-urls", ETCD, "--listen-peer-urls", "http://127.0.0.1:2380", "--unsafe-no-fsync"])
        self._spawn("kube-apiserver", [
            gotools.program("kubernetes", "kube-apiserver"), "--etcd-servers", ETCD, "--secure-port", "6443",
            "--bind-address", "0.0.0.0", "--advertise-address", ADDRESS, "--service-cluster-ip-range", SERVICES,
            "--authorization-mode", "Node,RBAC", "--enable-admission-plugins", "NodeRestriction",
            "--allow-privileged=true", "--client-ca-file", pki_path("ca.pem"),
            "--tls-cert-file", pki_path("apiserver.pem"), "--tls-private-key-file", pki_path("apiserver.key"),
            "--kubelet-client-certificate", pki_path("apiserver-kubelet-client.pem"),
            "--kubelet-client-key", pki_path("apiserver-kubelet-client.key"),
            "--kubelet-preferred-address-types", "InternalIP",
            "--service-account-issuer", "https://kubernetes.default.svc.cluster.local",
            "--service-account-key-file", pki_path("service-account.pub"),
            "--service-account-signing-key-file", pki_path("service-account.key")])
        self._wait("kube-apiserver", self._api_ready, 120)
        self._spawn("kube-controller-manager", [
            gotools.program("kubernetes", "kube-controller-manager"), "--leader-elect=false",
            "--kubeconfig", self.pki.kubeconfig("controller-manager", "system:kube-controller-manager"),
            "--use-service-account-credentials=true", "--root-ca-file", pki_path("ca.pem"),
            "--service-account-private-key-file", pki_path("service-account.key")])
        self._spawn("kube-scheduler", [
            gotools.program("kubernetes", "kube-scheduler"), "--leader-elect=false",
            "--kubeconfig", self.pki.kubeconfig("scheduler", "system:kube-scheduler")])
        return self

    def stop(self):
        """Nothing of it is needed again, so nobody is asked to finish what he does."""
        for process in self.processes.values():
            process.kill()
            process.wait()
