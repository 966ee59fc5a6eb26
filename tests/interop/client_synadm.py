"""synadm, which administrators of Synapse have on their command line, asked as they ask it."""

import asyncio
import json
import os
import sys
import tempfile
from pathlib import Path

from authority import Authority
from scene import Side


async def synadm(side: Side, authority: Authority, *command: str) -> dict:
    """What it prints, which is what the server answers."""
    config = {
        "user": side.admin.user_id,
        "token": side.admin.token,
        "base_url": side.homeserver.public_url,
        "protocol": "http",
        "admin_path": "/_synapse/admin",
        "matrix_path": "/_matrix",
        "format": "json",
        "timeout": 60,
        "homeserver": side.homeserver.name,
        "ssl_verify": True,
        "server_discovery": "well-known",
    }
    with tempfile.TemporaryDirectory(prefix="synadm-") as folder:
        # YAML reads JSON.
        file = Path(folder) / "synadm.yaml"
        file.write_text(json.dumps(config))
        tool = Path(sys.executable).parent / "synadm"
        # `--batch`: it asks nobody whether they are sure.
        process = await asyncio.create_subprocess_exec(
            *[str(tool), "--batch", "--config-file", str(file), *command],
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=os.environ | {"REQUESTS_CA_BUNDLE": str(authority.ca), "HOME": folder},
        )
        output, errors = await process.communicate()
    said = f"synadm {' '.join(command)}: {output.decode()}{errors.decode()}"
    assert process.returncode == 0, said
    try:
        return json.loads(output)
    except json.JSONDecodeError as error:
        raise AssertionError(said) from error
