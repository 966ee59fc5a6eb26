#!/usr/bin/env python3
"""Backs up a gateway that is being uploaded to, and restores it: `infra/gateway/test_backup.py GATEWAY`."""

import itertools
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import unittest
import urllib.error
import urllib.request

BACKUP = pathlib.Path(__file__).parent / "backup"

TOKEN = "a-token"

# How long anything may take here.
PATIENCE = 60

# Who upload at the same time.
CLIENTS = 3

# Uploads acknowledged before each copy is begun.
ACKNOWLEDGED = 30

GATEWAY = None


class Backups(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.copy = self.folder / "copy"

    def test_whatever_was_acknowledged_before_is_in_the_copy_and_whatever_it_names(self):
        with Gateway(self.folder / "data") as gateway:
            uploads = Uploads(gateway)
            uploads.wait_for(ACKNOWLEDGED)
            before = uploads.so_far()
            self.back_up(gateway)
            # Once more, on top of the first.
            uploads.wait_for(2 * ACKNOWLEDGED)
            before = uploads.so_far()
            said = self.back_up(gateway)
            everything = uploads.end()
        self.assertGreater(len(everything), len(before), "it was uploaded to meanwhile")
        self.assertRegex(said, r"[1-9]\d* blobs copied")
        self.assertNotRegex(said, r" 0 were there")
        restored = self.folder / "restored"
        shutil.copytree(self.copy, restored)
        with Gateway(restored) as gateway:
            for name, body in everything.items():
                status, back = gateway.download(name)
                # What came later is in it whole, or not known.
                self.assertIn(status, [200] if name in before else [200, 404], name)
                self.assertTrue(status == 404 or back == body, name)
            gateway.upload(b"and it goes on")

    def test_what_is_no_data_folder_is_refused(self):
        refused = subprocess.run([BACKUP, self.folder, self.copy], capture_output=True, text=True)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("is no data folder", refused.stderr)

    def back_up(self, gateway):
        done = subprocess.run([BACKUP, gateway.data, self.copy], capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout


class Uploads:
    """Clients that upload one thing after the other, and what was acknowledged."""

    def __init__(self, gateway):
        self.kept = {}
        self.more = threading.Condition()
        self.ending = False
        self.threads = [threading.Thread(target=self.run, args=(gateway, seed)) for seed in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def run(self, gateway, seed):
        for turn in itertools.count():
            if self.ending:
                return
            body = f"{seed} {turn} ".encode() * (200_000 if turn % 5 == 0 else 20)
            name = gateway.upload(body)
            with self.more:
                self.kept[name] = body
                self.more.notify_all()

    def wait_for(self, count):
        with self.more:
            assert self.more.wait_for(lambda: len(self.kept) >= count, PATIENCE), "too few uploads"

    def so_far(self):
        with self.more:
            return dict(self.kept)

    def end(self):
        self.ending = True
        for thread in self.threads:
            thread.join()
        return self.kept


class Gateway:
    """A process over a data folder, which ends with the block."""

    def __init__(self, data):
        self.data = data

    def __enter__(self):
        environment = {
            "MEDIA_SERVER_NAME": "example.org",
            "MEDIA_LISTEN": "127.0.0.1:0",
            "MEDIA_DEV_TOKENS": f"{TOKEN}=@alice:example.org",
            "MEDIA_DATA_FOLDER": str(self.data),
        }
        self.process = subprocess.Popen([GATEWAY], env=environment, stdout=subprocess.PIPE, text=True)
        for line in self.process.stdout:
            if "answers at " in line:
                self.base = line.split("answers at ")[1].strip()
                return self
        raise AssertionError("it does not start")

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=PATIENCE)

    def upload(self, body):
        status, reply = self.ask("/_matrix/media/v3/upload", body)
        assert status == 200, reply
        return json.loads(reply)["content_uri"].removeprefix("mxc://")

    def download(self, name):
        return self.ask(f"/_matrix/client/v1/media/download/{name}?timeout_ms=0")

    def ask(self, path, body=None):
        """With the token for the gateway alone: a signed link wants none."""
        request = urllib.request.Request(self.base + path, data=body)
        request.add_unredirected_header("Authorization", f"Bearer {TOKEN}")
        request.add_header("Content-Type", "application/octet-stream")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=PATIENCE) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read()


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    GATEWAY = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=2)
