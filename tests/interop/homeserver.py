"""Synapse as its authors ship it: one process, SQLite, federation checked against a private authority."""

import hashlib
import hmac
import json
import secrets
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from aiohttp import ClientError, ClientSession

import processes
from authority import Authority
from processes import Child

# Nobody is slowed down here but by the work itself.
PLENTY = {"per_second": 1_000_000, "burst_count": 1_000_000}


@dataclass(frozen=True)
class Account:
    """Somebody who can log in; `token` is of a device that nobody else uses."""

    user_id: str
    password: str
    token: str


class Synapse:
    """A homeserver called `localhost:{port}`; `url` is where Synapse itself listens, `public_url` where clients go."""

    def __init__(self, name: str, url: str, folder: Path, secret: str, session: ClientSession):
        self.name, self.url = name, url
        self.signing_key_file = folder / "signing.key"
        self.as_token = secrets.token_hex()
        self.child: Child | None = None
        self._folder, self._secret, self._session = folder, secret, session

    @property
    def public_url(self) -> str:
        return f"https://{self.name}"

    @classmethod
    async def prepare(
        cls,
        port: int,
        folder: Path,
        authority: Authority,
        session: ClientSession,
        *,
        behind_port: int | None = None,
    ) -> "Synapse":
        """Writes all that it needs. With `behind_port` it listens there without TLS, behind a proxy that has `port`,
        and leaves media to somebody else; without, it does both itself."""
        folder.mkdir()
        url = f"https://localhost:{port}" if behind_port is None else f"http://localhost:{behind_port}"
        synapse = cls(f"localhost:{port}", url, folder, secrets.token_hex(), session)
        key_tool = [sys.executable, "-P", "-m", "synapse._scripts.generate_signing_key"]
        await processes.run("Making a signing key", *key_tool, "-o", str(synapse.signing_key_file))

        listener = {
            "type": "http",
            "port": behind_port or port,
            "bind_addresses": ["127.0.0.1"],
            "tls": behind_port is None,
            "x_forwarded": behind_port is not None,
            "resources": [{"names": ["client", "federation"], "compress": False}],
        }
        # YAML reads JSON.
        (folder / "bridge.yaml").write_text(json.dumps(synapse._bridge()))
        (folder / "log.yaml").write_text(json.dumps(LOGGING))
        (folder / "homeserver.yaml").write_text(
            json.dumps(
                COMMON
                | {
                    "server_name": synapse.name,
                    "public_baseurl": synapse.public_url,
                    "listeners": [listener],
                    "enable_media_repo": behind_port is None,
                    "tls_certificate_path": str(authority.certificate),
                    "tls_private_key_path": str(authority.key),
                    "federation_custom_ca_list": [str(authority.ca)],
                    "database": {"name": "sqlite3", "args": {"database": str(folder / "homeserver.db")}},
                    "media_store_path": str(folder / "media"),
                    "signing_key_path": str(synapse.signing_key_file),
                    "registration_shared_secret": synapse._secret,
                    "macaroon_secret_key": secrets.token_hex(),
                    "form_secret": secrets.token_hex(),
                    "pid_file": str(folder / "homeserver.pid"),
                    "log_config": str(folder / "log.yaml"),
                    "app_service_config_files": [str(folder / "bridge.yaml")],
                }
            )
        )
        return synapse

    async def start(self) -> None:
        command = [
            sys.executable,
            "-P",
            "-m",
            "synapse.app.homeserver",
            "-c",
            str(self._folder / "homeserver.yaml"),
        ]
        self.child = await Child.start(f"Synapse {self.name}", *command, log=self._folder / "log.txt")

    async def answers(self) -> None:
        async def is_there() -> bool:
            try:
                async with self._session.get(f"{self.url}/_matrix/client/versions") as answer:
                    return answer.status == 200
            except ClientError:
                return False

        assert self.child is not None
        await self.child.answers(is_there)

    async def stop(self) -> None:
        if self.child is not None:
            await self.child.stop()

    async def register(self, name: str, *, admin: bool = False) -> Account:
        """A new account, by the shared secret."""
        url, password = f"{self.url}/_synapse/admin/v1/register", secrets.token_hex()
        async with self._session.get(url) as answer:
            nonce = (await answer.json())["nonce"]
        signed = "\0".join([nonce, name, password, "admin" if admin else "notadmin"])
        request = {
            "nonce": nonce,
            "username": name,
            "password": password,
            "admin": admin,
            "mac": hmac.digest(self._secret.encode(), signed.encode(), hashlib.sha1).hex(),
        }
        async with self._session.post(url, json=request, raise_for_status=True) as answer:
            reply = await answer.json()
        return Account(reply["user_id"], password, reply["access_token"])

    async def register_guest(self) -> Account:
        url = f"{self.url}/_matrix/client/v3/register?kind=guest"
        async with self._session.post(url, json={}, raise_for_status=True) as answer:
            reply = await answer.json()
        return Account(reply["user_id"], "", reply["access_token"])

    async def change(self, admin: Account, user_id: str, **change: bool) -> None:
        """Locks, deactivates or whatever else an administrator may do to a user."""
        url = f"{self.url}/_synapse/admin/v2/users/{quote(user_id)}"
        headers = {"Authorization": f"Bearer {admin.token}"}
        async with self._session.put(url, json=change, headers=headers, raise_for_status=True):
            pass

    async def log_out(self, account: Account) -> None:
        headers = {"Authorization": f"Bearer {account.token}"}
        url = f"{self.url}/_matrix/client/v3/logout"
        async with self._session.post(url, json={}, headers=headers, raise_for_status=True):
            pass

    def _bridge(self) -> dict:
        """An application service that answers nobody, but may act as its users."""
        return {
            "id": "bridge",
            "url": None,
            "as_token": self.as_token,
            "hs_token": secrets.token_hex(),
            "sender_localpart": "bridge",
            "rate_limited": False,
            "namespaces": {"users": [{"exclusive": True, "regex": "@bridge_.*"}], "aliases": [], "rooms": []},
        }


COMMON = {
    "report_stats": False,
    "federation_verify_certificates": True,
    # Everything here is on the loopback.
    "ip_range_blacklist": [],
    "federation_ip_range_blacklist": [],
    "trusted_key_servers": [],
    "allow_guest_access": True,
    "max_upload_size": "100M",
    "rc_message": PLENTY,
    "rc_registration": PLENTY,
    "rc_login": {"address": PLENTY, "account": PLENTY, "failed_attempts": PLENTY},
    "rc_media_create": PLENTY,
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(request)s %(message)s"}},
    "filters": {"context": {"()": "synapse.logging.context.LoggingContextFilter", "request": ""}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["context"]}},
    "root": {"level": "INFO", "handlers": ["stderr"]},
}
