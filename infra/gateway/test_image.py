#!/usr/bin/env python3
"""Holds an image of the gateway against the specification and runs it: `infra/gateway/test_image.py IMAGE.tar`.

Runs it as an engine would, from nothing but what is in it: the layers unpacked, `chroot`, the image's own user and
environment. That takes root. The engine's part (devices, a resolv.conf, a hosts file) is made as engines make it.
"""

import gzip
import hashlib
import http.server
import io
import json
import os
import pathlib
import signal
import socket
import stat
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.request

# How long anything may take here. A debug build on a busy machine starts within two.
PATIENCE = 30

TOKEN = "a-token"

# By their major and minor numbers; of those that the runtime specification wants in every container, those that a
# program without a terminal may ask for. glibc, linked statically, has no other source of randomness.
DEVICES = {"null": (1, 3), "random": (1, 8), "urandom": (1, 9)}

IMAGE = None


class Layout(unittest.TestCase):
    """github.com/opencontainers/image-spec: image-layout.md, manifest.md, config.md, layer.md."""

    def setUp(self):
        self.image = Image.read(IMAGE)

    def test_every_blob_is_what_its_name_says(self):
        blobs = [name for name in self.image.files if name.startswith("blobs/")]
        self.assertEqual(len(blobs), 3, "a manifest, a configuration and one layer")
        for name in blobs:
            self.assertEqual(name, "blobs/sha256/" + hashlib.sha256(self.image.files[name]).hexdigest())

    def test_the_layout_says_which_version_it_is(self):
        self.assertEqual(self.image.json("oci-layout"), {"imageLayoutVersion": "1.0.0"})
        self.assertEqual(self.image.json("index.json")["schemaVersion"], 2)
        self.assertEqual(self.image.manifest["schemaVersion"], 2)

    def test_every_descriptor_fits_what_it_describes(self):
        described = [self.image.described, self.image.manifest["config"], *self.image.manifest["layers"]]
        kinds = ["image.manifest.v1+json", "image.config.v1+json", "image.layer.v1.tar+gzip"]
        for descriptor, kind in zip(described, kinds, strict=True):
            self.assertEqual(descriptor["mediaType"], "application/vnd.oci." + kind)
            self.assertEqual(descriptor["size"], len(self.image.blob(descriptor)))

    def test_the_configuration_fits_the_layers(self):
        config = self.image.config
        self.assertEqual(config["os"], "linux")
        self.assertIn(config["architecture"], ["amd64", "arm64"])
        self.assertEqual(config["architecture"], self.image.described["platform"]["architecture"])
        unpacked = ["sha256:" + hashlib.sha256(layer).hexdigest() for layer in self.image.layers()]
        self.assertEqual(config["rootfs"], {"type": "layers", "diff_ids": unpacked})

    def test_docker_is_led_to_the_same_blobs(self):
        (entry,) = self.image.json("manifest.json")
        paths = [Image.path(self.image.manifest["config"]), *map(Image.path, self.image.manifest["layers"])]
        self.assertEqual([entry["Config"], *entry["Layers"]], paths)
        self.assertTrue(all(":" in tag for tag in entry["RepoTags"]))

    def test_the_data_alone_is_the_users(self):
        user = int(self.image.config["config"]["User"].split(":")[0])
        self.assertNotEqual(user, 0)
        for layer in self.image.layers():
            with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
                owned = [member.name for member in tar if member.uid == user]
                writable = [member.name for member in tar if member.mode & 0o022]
        self.assertEqual((owned, writable), (["data"], ["tmp"]))
        self.assertIn("/data", self.image.config["config"]["Volumes"])


class Running(unittest.TestCase):
    """The image's own program in the image's own root."""

    def setUp(self):
        if os.geteuid() != 0:
            self.fail("Only root may chroot, and an image that was not run was not tested.")
        self.image = Image.read(IMAGE)
        folder = self.enterContext(tempfile.TemporaryDirectory())
        self.root = pathlib.Path(folder, "root")
        self.root.mkdir()
        self.image.unpack(self.root)
        # What engines put into every container.
        (self.root / "dev").mkdir()
        os.umask(0)
        for name, numbers in DEVICES.items():
            os.mknod(self.root / "dev" / name, 0o666 | stat.S_IFCHR, os.makedev(*numbers))
        os.umask(0o022)
        (self.root / "etc/resolv.conf").write_text("nameserver 127.0.0.1\n")
        (self.root / "etc/hosts").write_text("127.0.0.1 localhost\n127.0.0.1 homeserver.test\n")
        self.packed = self.contents()
        self.homeserver = self.enterContext(Homeserver())
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]

    def contents(self):
        return {path.relative_to(self.root) for path in self.root.rglob("*")}

    def test_it_serves_keeps_and_stops(self):
        with self.started() as gateway:
            self.assertEqual(self.health(), (0, '{"status":"ok"}\n'))
            sent = bytes(range(256)) * 4096
            reply = json.loads(self.ask("POST", "/_matrix/media/v3/upload", sent))
            name = reply["content_uri"].removeprefix("mxc://")
            self.assertEqual(self.ask("GET", f"/_matrix/client/v1/media/download/{name}"), sent)
            said = self.stopped(gateway)
        # The authorities of the image were found, read and understood.
        self.assertNotIn("certificate authorities", said)
        self.assertEqual(self.health()[0], 1)
        # Another container over the same volume.
        with self.started() as gateway:
            self.assertEqual(self.ask("GET", f"/_matrix/client/v1/media/download/{name}"), sent)
            self.stopped(gateway)
        made = self.contents() - self.packed
        self.assertEqual({path.parts[0] for path in made}, {"data"}, "it writes nowhere else")
        self.assertIn(pathlib.Path("data/s3/rows.sqlite"), made)

    def run_inside(self, *arguments):
        """A process as the engine would start it; nothing of this machine but its network."""
        config = self.image.config["config"]
        user, group = map(int, config["User"].split(":"))
        environment = dict(entry.split("=", 1) for entry in config["Env"])
        environment |= {
            "MEDIA_LISTEN": f"127.0.0.1:{self.port}",
            "MEDIA_SERVER_NAME": "example.org",
            # By name, so that finding addresses is tried, too.
            "MEDIA_HOMESERVER_URL": f"http://homeserver.test:{self.homeserver.port}",
        }

        def enter():
            os.chroot(self.root)
            os.chdir(config["WorkingDir"])
            os.setgroups([])
            os.setgid(group)
            os.setuid(user)

        command = [*config["Entrypoint"], *arguments]
        output = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(command, env=environment, preexec_fn=enter, stdin=subprocess.DEVNULL, **output)

    def started(self):
        gateway = Process(self.run_inside())
        given_up = time.monotonic() + PATIENCE
        while self.health()[0] != 0:
            if gateway.process.poll() is not None or time.monotonic() > given_up:
                gateway.process.kill()
                self.fail(f"It does not start: {gateway.process.communicate()}")
            time.sleep(0.1)
        return gateway

    def health(self):
        """What the image's own health check says."""
        test = self.image.config["config"]["Healthcheck"]["Test"]
        self.assertEqual(test[:2], ["CMD", *self.image.config["config"]["Entrypoint"]])
        asking = self.run_inside(*test[2:])
        said, _ = asking.communicate(timeout=PATIENCE)
        return asking.returncode, said

    def stopped(self, gateway):
        gateway.process.send_signal(getattr(signal, self.image.config["config"]["StopSignal"]))
        _, said = gateway.process.communicate(timeout=PATIENCE)
        self.assertEqual(gateway.process.returncode, 0, said)
        return said

    def ask(self, method, path, body=None):
        """With the token for the gateway alone: a signed link wants none."""
        url = f"http://127.0.0.1:{self.port}{path}"
        request = urllib.request.Request(url, data=body, method=method)
        request.add_unredirected_header("Authorization", f"Bearer {TOKEN}")
        request.add_header("Content-Type", "application/octet-stream")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=PATIENCE) as answer:
                return answer.read()
        except urllib.error.HTTPError as refused:
            self.fail(f"{method} {path}: {refused.code} {refused.read()}")


class Image:
    """The files of an archive, by their paths."""

    def __init__(self, files):
        self.files = files
        (self.described,) = self.json("index.json")["manifests"]
        self.manifest = json.loads(self.blob(self.described))
        self.config = json.loads(self.blob(self.manifest["config"]))

    @classmethod
    def read(cls, path):
        with tarfile.open(path) as tar:
            return cls({member.name: tar.extractfile(member).read() for member in tar if member.isfile()})

    @staticmethod
    def path(descriptor):
        return "blobs/" + descriptor["digest"].replace(":", "/")

    def json(self, path):
        return json.loads(self.files[path])

    def blob(self, descriptor):
        return self.files[self.path(descriptor)]

    def layers(self):
        return [gzip.decompress(self.blob(layer)) for layer in self.manifest["layers"]]

    def unpack(self, root):
        # Said where it can be: from Python 3.12 on, and in 3.11 only since 3.11.4.
        trusting = {"filter": "fully_trusted"} if hasattr(tarfile, "fully_trusted_filter") else {}
        for layer in self.layers():
            with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
                tar.extractall(root, numeric_owner=True, **trusting)


class Process:
    """A process that ends with the block, whatever happens in it."""

    def __init__(self, process):
        self.process = process

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()


class Homeserver:
    """Knows one token."""

    def __enter__(self):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                known = self.headers["Authorization"] == f"Bearer {TOKEN}"
                body = json.dumps({"user_id": "@alice:example.org"} if known else {"errcode": "M_UNKNOWN_TOKEN"}).encode()
                self.send_response(200 if known else 401)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    IMAGE = sys.argv.pop(1)
    unittest.main(verbosity=2)
