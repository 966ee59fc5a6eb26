"""Who may do what: guests, bridges, and those whose account or session has ended."""

import contextlib
from collections.abc import Awaitable

from client_mautrix import Mautrix
from clients import File, Refused, closing
from gateway import TOKEN_CACHE_S
from homeserver import Account
from processes import eventually
from scene import ONCE, PHOTO, Scene, refused, same

# When a revoked token must be refused at the latest: the answer of before is forgotten by then on a busy machine, too.
REVOKED_TIME_S = TOKEN_CACHE_S + 20

BRIDGE_REGISTRATION = {
    "type": "m.login.application_service",
    "username": "bridge_somebody",
    "inhibit_login": True,
}


@ONCE.append
async def a_guest_may_read_and_not_upload(scene: Scene) -> None:
    guest = await scene.ours.homeserver.register_guest()
    async with with_token(scene, guest) as client:
        await refused(403, "M_GUEST_ACCESS_FORBIDDEN", client.upload(b"text", "text/plain", None))
        mxc = await scene.ours.client.upload(b"text", "text/plain", None)
        same(await client.download(mxc), File(b"text", "text/plain", None))


@ONCE.append
async def a_bridge_uploads_for_its_users_and_for_nobody_else(scene: Scene) -> None:
    homeserver = scene.ours.homeserver

    def acting_as(user_id: str) -> contextlib.AbstractAsyncContextManager[Mautrix]:
        return with_token(scene, Account(user_id, "", homeserver.as_token), acting_as=user_id)

    async with acting_as(f"@bridge_somebody:{homeserver.name}") as bridge:
        await bridge.client.api.request("POST", "_matrix/client/v3/register", BRIDGE_REGISTRATION)
        mxc = await bridge.upload(PHOTO, "image/jpeg", "mountains.jpg")
    same(await scene.theirs.client.download(mxc), File(PHOTO, "image/jpeg", "mountains.jpg"))
    async with acting_as(scene.ours.admin.user_id) as impostor:
        await refused(403, "M_FORBIDDEN", impostor.upload(b"text", "text/plain", None))


@ONCE.append
async def a_token_is_refused_after_logging_out(scene: Scene) -> None:
    account = await scene.ours.homeserver.register("leaver")
    await revoked(scene, account, scene.ours.homeserver.log_out(account), "M_UNKNOWN_TOKEN")


@ONCE.append
async def a_locked_account_is_refused(scene: Scene) -> None:
    account = await scene.ours.homeserver.register("locked")
    lock = scene.ours.homeserver.change(scene.ours.admin, account.user_id, locked=True)
    await revoked(scene, account, lock, "M_USER_LOCKED")


@ONCE.append
async def a_deactivated_account_is_refused(scene: Scene) -> None:
    account = await scene.ours.homeserver.register("deactivated")
    deactivate = scene.ours.homeserver.change(scene.ours.admin, account.user_id, deactivated=True)
    await revoked(scene, account, deactivate, "M_UNKNOWN_TOKEN")


async def revoked(scene: Scene, account: Account, revoke: Awaitable[None], errcode: str) -> None:
    """Ours believes the homeserver's answer for a while, and not longer."""
    async with with_token(scene, account) as client:
        await client.upload_limit()
        await revoke

        async def is_refused() -> bool:
            try:
                await client.upload_limit()
            except Refused as refusal:
                assert (refusal.status, refusal.errcode) == (401, errcode), refusal
                return True
            return False

        await eventually("the token is refused", is_refused, REVOKED_TIME_S)


def with_token(
    scene: Scene, account: Account, acting_as: str | None = None
) -> contextlib.AbstractAsyncContextManager[Mautrix]:
    """Somebody of ours who has a token and needs no password."""
    url, authority = scene.ours.homeserver.public_url, scene.authority
    return closing(Mautrix.of_token(url, account.user_id, account.token, authority, acting_as))
