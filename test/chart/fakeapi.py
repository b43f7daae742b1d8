# SPDX-License-Identifier: Apache-2.0
"""As much of an API server as `helm install --dry-run=server` asks for: discovery, and one Secret."""

import contextlib
import http.server
import json
import threading

import yaml

PLURALS = {"NetworkPolicy": "networkpolicies", "StorageClass": "storageclasses",
           "VolumeSnapshotClass": "volumesnapshotclasses"}


def discovery(objects):
    """Path -> answer, for the kinds of @objects."""
    groups = {}
    for o in objects:
        resource = {"name": PLURALS.get(o["kind"], o["kind"].lower() + "s"), "singularName": o["kind"].lower(),
                    "namespaced": "namespace" in o["metadata"], "kind": o["kind"], "verbs": ["get", "list"]}
        groups.setdefault(o["apiVersion"], {})[o["kind"]] = resource
    answers = {"/version": {"major": "1", "minor": "36", "gitVersion": "v1.36.3"},
               "/api": {"kind": "APIVersions", "versions": ["v1"]},
               "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": [
                   {"name": v.split("/")[0], "versions": [{"groupVersion": v, "version": v.split("/")[1]}],
                    "preferredVersion": {"groupVersion": v, "version": v.split("/")[1]}}
                   for v in groups if "/" in v]}}
    for version, resources in groups.items():
        path = f"/apis/{version}" if "/" in version else f"/api/{version}"
        answers[path] = {"kind": "APIResourceList", "groupVersion": version, "resources": list(resources.values())}
    return answers


@contextlib.contextmanager
def serve(objects, kept, folder):
    """A server that knows the kinds of @objects and has @kept (path -> object); yields its kubeconfig."""
    answers = discovery(objects) | kept

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            path = self.path.split("?")[0]
            body = answers.get(path)
            status = 200 if body else 404
            text = json.dumps(body or {"kind": "Status", "apiVersion": "v1", "status": "Failure",
                                       "reason": "NotFound", "code": 404, "message": f"{path} not found"}).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    config = folder / "kubeconfig"
    config.write_text(yaml.safe_dump({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{server.server_address[1]}"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "users": [{"name": "u", "user": {"token": "t"}}]}))
    try:
        yield str(config)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
