#!/usr/bin/env python3
"""A gateway whose media Debian's clamd looks at, through the example: `infra/clamav/test_scanner.py GATEWAY`.

The daemon gets a database of one signature, the EICAR test file's, so nothing is downloaded.
"""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request

SCANNER = pathlib.Path(__file__).parent / "scanner"

TOKEN = "a-token"

# How long anything may take here, in seconds.
PATIENCE = 120

# In two halves, or scanners would hide this file (https://www.eicar.org/download-anti-malware-testfile/).
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"

# Name, any type of file, from its beginning, what (https://docs.clamav.net/manual/Signatures/ExtendedSignatures.html).
SIGNATURE = f"Test.Eicar:0:0:{EICAR.hex()}\n"

# What is larger is scanned when it has landed.
AT_ONCE = 8 * 1024 * 1024

GATEWAY = None


class Scanned(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.folder.chmod(0o755)
        cls.clamd = cls.enterClassContext(Clamd(cls.folder))
        cls.scanner = cls.enterClassContext(Scanner(cls.clamd))
        cls.gateway = cls.enterClassContext(Gateway(cls.folder / "data", cls.scanner.url))

    def test_what_is_clean_is_shown_small_or_large(self):
        for body in [b"harmless", os.urandom(AT_ONCE + 1)]:
            self.assertEqual(self.gateway.download(self.gateway.upload(body)), (200, body))

    def test_what_has_a_signature_is_hidden_small_or_large(self):
        self.assertEqual(self.gateway.download(self.gateway.upload(EICAR)), (404, None))
        # An archive, for the signature holds at the beginning of a file alone.
        large = self.folder / "large"
        large.mkdir()
        (large / "eicar.com").write_bytes(EICAR)
        (large / "noise").write_bytes(os.urandom(AT_ONCE))
        archive = pathlib.Path(shutil.make_archive(str(large), "zip", large))
        self.assertEqual(self.gateway.download(self.gateway.upload(archive.read_bytes())), (404, None))

    def test_a_daemon_that_is_gone_gives_no_verdict(self):
        facts = {"url": "http://127.0.0.1:9/nobody"}
        status, _ = post(self.scanner.url, json.dumps(facts).encode(), {})
        self.assertEqual(status, 502)
        status, _ = post(self.scanner.url, b"no question", {})
        self.assertEqual(status, 400)


class Child:
    """A process that ends with the test."""

    def start(self, *command, **more):
        self.child = subprocess.Popen(command, **more)

    def __exit__(self, *_):
        self.child.send_signal(signal.SIGTERM)
        try:
            self.child.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()


class Clamd(Child):
    def __init__(self, folder):
        self.folder = folder / "clamav"
        self.socket = self.folder / "clamd.ctl"

    def __enter__(self):
        database = self.folder / "database"
        database.mkdir(parents=True)
        (database / "test.ndb").write_text(SIGNATURE)
        settings = {
            "Foreground": "yes",
            "DatabaseDirectory": database,
            "LocalSocket": self.socket,
            "StreamMaxLength": "100M",
            "LogFile": self.folder / "log",
        }
        file = self.folder / "clamd.conf"
        file.write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
        self.start("clamd", "--config-file", file, stdout=subprocess.DEVNULL)
        until(lambda: self.socket.exists() or self.child.poll(), "clamd")
        return self


class Scanner(Child):
    def __init__(self, clamd):
        self.clamd = clamd

    def __enter__(self):
        self.start(
            SCANNER, "--listen", "127.0.0.1:0", "--clamd", str(self.clamd.socket), stdout=subprocess.PIPE, text=True
        )
        self.url = self.child.stdout.readline().split()[-1]
        return self


class Gateway(Child):
    def __init__(self, data, scanner):
        self.data, self.scanner = data, scanner

    def __enter__(self):
        others = {name: value for name, value in os.environ.items() if not name.startswith("MEDIA_")}
        settings = {
            "MEDIA_SERVER_NAME": "example.org",
            "MEDIA_DEV_TOKENS": f"{TOKEN}=@alice:example.org",
            "MEDIA_LISTEN": "127.0.0.1:0",
            "MEDIA_DATA_FOLDER": str(self.data),
            "MEDIA_FAST": "true",
            "MEDIA_SCANNER": self.scanner,
        }
        self.start(GATEWAY, env=others | settings, stdout=subprocess.PIPE, text=True)
        for line in self.child.stdout:
            if "answers at http://" in line:
                self.url = "http://" + line.split("http://")[1].split()[0].rstrip(".,")
                return self
        raise AssertionError("the gateway did not start")

    def upload(self, body):
        headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/octet-stream"}
        status, answer = post(f"{self.url}/_matrix/media/v3/upload", body, headers)
        assert status == 200, (status, answer)
        return json.loads(answer)["content_uri"].removeprefix("mxc://")

    def download(self, name):
        """Waits while it is scanned."""
        request = urllib.request.Request(f"{self.url}/_matrix/client/v1/media/download/{name}?timeout_ms=60000")
        # Where the redirect leads nobody wants the token.
        request.add_unredirected_header("authorization", f"Bearer {TOKEN}")
        return asked(request)


def post(url, body, headers):
    return asked(urllib.request.Request(url, data=body, headers=headers, method="POST"))


def asked(request):
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, None


def until(holds, what):
    deadline = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not start")
        time.sleep(0.1)


if __name__ == "__main__":
    GATEWAY = sys.argv.pop(1)
    unittest.main(verbosity=2)
