"""Previews per second and peak memory, ours beside Synapse's own: the same pages, the same run, through the real ports.

    cargo build --profile gateway -p gateway
    python3 -m venv synapse-venv && synapse-venv/bin/pip install 'matrix-synapse[url-preview]'
    python3 benches/previews/main.py --gateway target/gateway/gateway --synapse synapse-venv/bin/python

Nothing but Python's standard library. Each request is for a page that nobody has asked for before, so that every one is
fetched and read; one process of either server.
"""

import argparse
import contextlib
import http.client
import http.server
import json
import os
import pathlib
import socket
import subprocess
import tempfile
import threading
import time
import urllib.parse

PARAGRAPH = "<p>The <b>harbour</b> was empty that morning, and whoever had <a href='/boat'>a boat</a> was out at sea.</p>\n"
NAVIGATION = "<nav><ul>" + "<li><a href='/section'>Section</a>" * 40 + "</ul></nav>"
OPENGRAPH = (
    "<meta property='og:title' content='The harbour'><meta property='og:description' content='Empty that morning.'>"
    "<meta property='og:type' content='article'><meta property='og:image' content='data:,'>"
)


def page(head, size):
    start = f"<!DOCTYPE html><html><head><meta charset='utf-8'><title>The harbour</title>{head}</head><body>{NAVIGATION}<main>"
    body = PARAGRAPH * ((size - len(start)) // len(PARAGRAPH))
    return (start + body + "</main></body></html>").encode()


MIB = 1024 * 1024

# Seconds: longer than either takes on a machine that is busy otherwise.
PATIENCE = 300

PAGES = {
    "2 MiB, to be read": page("", 2 * MIB),
    "2 MiB, whose head says everything": page(OPENGRAPH, 2 * MIB),
    "60 KiB, to be read": page("", 60 * 1024),
}


class Site(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        name = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path).strip("/")
        body = PAGES.get(name, b"")
        self.send_response(200 if body else 404)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        # Whoever has read enough hangs up.
        with contextlib.suppress(ConnectionError):
            self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True

    def handle_error(self, *_):
        pass


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def await_port(port, child):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if child.poll() is not None:
            raise SystemExit(f"{child.args[0]} ended with {child.returncode}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    raise SystemExit(f"{child.args[0]} does not start")


def gateway(program, folder):
    port = free_port()
    environment = {
        "MEDIA_SERVER_NAME": "bench.example.org",
        "MEDIA_LISTEN": f"127.0.0.1:{port}",
        "MEDIA_DATA_FOLDER": str(folder / "data"),
        "MEDIA_DEV_TOKENS": "token=@bench:bench.example.org",
        "MEDIA_PREVIEW_ALLOW_NETWORKS": "127.0.0.0/8",
        "MEDIA_RATE_REMOTE_BYTES": "off",
    }
    log = open(folder / "log", "wb")
    child = subprocess.Popen([program], env=environment, stdout=log, stderr=log)
    await_port(port, child)
    return child, port, "token"


def synapse(python, folder):
    port = free_port()
    homeserver = [python, "-m", "synapse.app.homeserver"]
    generate = ["--generate-config", "--server-name=bench.example.org", "--config-path=homeserver.yaml"]
    places = ["--config-directory=.", "--data-directory=.", "--report-stats=no", "--open-private-ports"]
    subprocess.run(homeserver + generate + places, cwd=folder, check=True, capture_output=True)
    plenty = {"per_second": 1_000_000, "burst_count": 1_000_000}
    listener = {"type": "http", "tls": False, "port": port, "bind_addresses": ["127.0.0.1"]}
    listener["resources"] = [{"names": ["client"], "compress": False}]
    further = {
        "listeners": [listener],
        "trusted_key_servers": [],
        "url_preview_enabled": True,
        "url_preview_ip_range_blacklist": ["10.0.0.0/8"],
        "rc_message": plenty,
        "rc_login": {"address": plenty, "account": plenty, "failed_attempts": plenty},
        # YAML reads JSON, and of two files the later one wins.
    }
    (folder / "bench.yaml").write_text(json.dumps(further))
    log = open(folder / "log", "wb")
    start = homeserver + ["-c", "homeserver.yaml", "-c", "bench.yaml"]
    child = subprocess.Popen(start, cwd=folder, stdout=log, stderr=log)
    await_port(port, child)
    register = [python, "-m", "synapse._scripts.register_new_matrix_user", "-c", "homeserver.yaml", "--no-admin"]
    user = ["-u", "bench", "-p", "bench-password", f"http://127.0.0.1:{port}"]
    subprocess.run(register + user, cwd=folder, check=True, capture_output=True)
    connection = http.client.HTTPConnection("127.0.0.1", port)
    identifier = {"type": "m.id.user", "user": "bench"}
    login = {"type": "m.login.password", "identifier": identifier, "password": "bench-password"}
    connection.request("POST", "/_matrix/client/v3/login", json.dumps(login))
    return child, port, json.load(connection.getresponse())["access_token"]


def memory_mib(child, figure):
    for line in open(f"/proc/{child.pid}/status"):
        if line.startswith(figure):
            return int(line.split()[1]) / 1024
    return 0.0


def processor_seconds(child):
    fields = open(f"/proc/{child.pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Load:
    """So many connections, each with one request at a time, for so many seconds."""

    def __init__(self, port, token, site, name, connections, seconds):
        self.port, self.token, self.site, self.name = port, token, site, name
        self.count, self.until = 0, time.monotonic() + seconds
        self.lock = threading.Lock()
        self.failed = []
        self.threads = [threading.Thread(target=self.run, args=(number,)) for number in range(connections)]

    def rate(self):
        before = time.monotonic()
        for thread in self.threads:
            thread.start()
        for thread in self.threads:
            thread.join()
        if self.failed:
            raise SystemExit(f"{self.name}: {self.failed[0]}")
        return self.count / (time.monotonic() - before)

    def run(self, number):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        while time.monotonic() < self.until:
            page = f"http://127.0.0.1:{self.site}/{urllib.parse.quote(self.name)}?{time.time_ns()}-{number}"
            path = "/_matrix/client/v1/media/preview_url?url=" + urllib.parse.quote(page, safe="")
            connection.request("GET", path, headers={"Authorization": f"Bearer {self.token}"})
            answer = connection.getresponse()
            body = answer.read()
            if answer.status != 200 or json.loads(body).get("og:title") != "The harbour":
                self.failed.append((answer.status, body[:200]))
                return
            with self.lock:
                self.count += 1


def measure(start, program, options, site):
    rows = {}
    for name in PAGES:
        # A process for each page, so that its peak is that page's.
        with tempfile.TemporaryDirectory() as folder:
            child, port, token = start(program, pathlib.Path(folder))
            try:
                Load(port, token, site, name, 1, 1).rate()
                idle = memory_mib(child, "VmRSS")
                rates, before = [], processor_seconds(child)
                for connections in options.connections:
                    load = Load(port, token, site, name, connections, options.seconds)
                    rates.append((load.rate(), load.count))
                busy = processor_seconds(child) - before
                count = sum(count for _, count in rates)
                rows[name] = [rate for rate, _ in rates], 1000 * busy / count, idle, memory_mib(child, "VmHWM")
            finally:
                child.terminate()
                child.wait()
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gateway", default="target/gateway/gateway", type=os.path.abspath)
    parser.add_argument("--synapse", type=os.path.abspath, help="a Python interpreter with matrix-synapse")
    parser.add_argument("--seconds", default=5, type=float)
    parser.add_argument("--connections", default=[1, 8], type=int, nargs="+")
    options = parser.parse_args()

    site = Server(("127.0.0.1", 0), Site)
    threading.Thread(target=site.serve_forever, daemon=True).start()
    servers = [("ours", gateway, options.gateway)]
    if options.synapse:
        servers.append(("Synapse", synapse, options.synapse))
    columns = " | ".join(f"previews/s, {count} at a time" for count in options.connections)
    print(f"| page | server | {columns} | processor ms each | memory before | at the most |")
    print("|---|---|" + "---:|" * (len(options.connections) + 3))
    results = {name: measure(start, program, options, site.server_address[1]) for name, start, program in servers}
    for page_name in PAGES:
        for name, rows in results.items():
            rates, each, idle, peak = rows[page_name]
            cells = " | ".join(f"{rate:.1f}" for rate in rates)
            print(f"| {page_name} | {name} | {cells} | {each:.1f} | {idle:.0f} MiB | {peak:.0f} MiB |")


if __name__ == "__main__":
    main()
