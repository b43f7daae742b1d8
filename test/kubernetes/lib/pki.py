# SPDX-License-Identifier: Apache-2.0
"""A certificate authority for one cluster, and identities signed by it."""

import os
import subprocess


class Authority:
    """Everything is a file in @folder: ca.pem, NAME.pem, NAME.key, NAME.conf (a kubeconfig)."""

    def __init__(self, folder, server):
        self.folder = folder
        self.server = server
        os.makedirs(folder, exist_ok=True)
        self._openssl("req", "-x509", *self._new_key(), "-days", "3650", "-subj", "/CN=kubernetes",
                      "-keyout", "ca.key", "-out", "ca.pem")

    @staticmethod
    def _new_key():
        return ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")

    def _openssl(self, *argv):
        subprocess.run(["openssl", *argv], cwd=self.folder, check=True, capture_output=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def sign(self, name, user, group=None, addresses=()):
        """A key and a certificate that is good for both ends of a connection."""
        subject = (f"/O={group}" if group else "") + f"/CN={user}"
        self._openssl("req", *self._new_key(), "-subj", subject, "-keyout", f"{name}.key", "-out", f"{name}.csr")
        with open(self.path(f"{name}.ext"), "w") as f:
            f.write("extendedKeyUsage=serverAuth,clientAuth\n")
            if addresses:
                f.write("subjectAltName=" + ",".join(addresses) + "\n")
        self._openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                      "-days", "3650", "-extfile", f"{name}.ext", "-out", f"{name}.pem")

    def signing_key(self, name):
        """The pair with which service accounts' tokens are signed and checked."""
        self._openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", f"{name}.key")
        self._openssl("rsa", "-in", f"{name}.key", "-pubout", "-out", f"{name}.pub")

    def kubeconfig(self, name, user, group=None):
        """Sign @user and write the kubeconfig that carries its key. Return: the file's path."""
        self.sign(name, user, group)
        path = self.path(f"{name}.conf")
        with open(path, "w") as f:
            f.write(f"""apiVersion: v1
kind: Config
clusters:
- name: cluster
  cluster: {{server: "{self.server}", certificate-authority: {self.path("ca.pem")}}}
users:
- name: user
  user: {{client-certificate: {self.path(name + ".pem")}, client-key: {self.path(name + ".key")}}}
contexts:
- name: context
  context: {{cluster: cluster, user: user}}
current-context: context
""")
        return path
