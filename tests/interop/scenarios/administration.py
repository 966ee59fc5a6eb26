"""What an administrator does every week, with the tool that they have for it."""

import time
from urllib.parse import quote

from client_synadm import synadm
from clients import File, parts
from scene import ONCE, PHOTO, Scene, refused, same

DAY_MS = 86_400_000


@ONCE.append
async def synadm_lists_what_a_user_uploaded(scene: Scene) -> None:
    mxc = await scene.ours.client.upload(PHOTO, "image/jpeg", "mountains.jpg")
    user_id = f"@user_of_{type(scene.ours.client).library}:{scene.ours.homeserver.name}"
    listed = await admin(scene, "media", "list", "--user-id", user_id, "--sort", "created_ts", "--reverse", "--ts")
    newest = listed["media"][0]
    assert newest["media_id"] == parts(mxc)[1], listed
    assert newest["upload_name"] == "mountains.jpg" and newest["media_length"] == len(PHOTO), newest
    page = await admin(scene, "user", "media", user_id, "--limit", "1", "--sort", "media_length")
    assert len(page["media"]) == 1 and page["total"] == listed["total"], page


@ONCE.append
async def synadm_hides_media_and_shows_it_again(scene: Scene) -> None:
    mxc = await scene.ours.client.upload(b"hide me", "text/plain", None)
    copy = await scene.ours.client.upload(b"hide me", "text/plain", None)
    await admin(scene, "media", "quarantine", "--media-id", parts(mxc)[1])
    for hidden in [mxc, copy]:
        await refused(404, "M_NOT_FOUND", scene.ours.client.download(hidden))
        await refused(404, "M_NOT_FOUND", scene.theirs.client.download(hidden))
    await admin(scene, "media", "unquarantine", "--mxc-uri", mxc)
    for shown in [mxc, copy]:
        same(await scene.ours.client.download(shown), File(b"hide me", "text/plain", None))


@ONCE.append
async def synadm_hides_their_media_from_our_users(scene: Scene) -> None:
    mxc = await scene.theirs.client.upload(b"from elsewhere", "text/plain", None)
    same(await scene.ours.client.download(mxc), File(b"from elsewhere", "text/plain", None))
    server, media_id = parts(mxc)
    await admin(scene, "media", "quarantine", "--server-name", server, "--media-id", media_id)
    await refused(404, "M_NOT_FOUND", scene.ours.client.download(mxc))
    same(await scene.theirs.client.download(mxc), File(b"from elsewhere", "text/plain", None))


@ONCE.append
async def synadm_lists_and_hides_the_media_of_a_room(scene: Scene) -> None:
    mxc = await scene.ours.client.upload(b"in a room", "text/plain", None)
    room_id = await room_with(scene, mxc)
    listed = await admin(scene, "media", "list", "--room-id", room_id)
    assert listed["local"] == [mxc] and listed["remote"] == [], listed
    counted = await admin(scene, "media", "quarantine", "--room-id", room_id)
    assert counted == {"num_quarantined": 1}, counted
    await refused(404, "M_NOT_FOUND", scene.ours.client.download(mxc))


@ONCE.append
async def synadm_spares_what_is_protected(scene: Scene) -> None:
    safe = await scene.ours.client.upload(b"the emblem of the house", "text/plain", None)
    await admin(scene, "media", "protect", parts(safe)[1])
    await admin(scene, "media", "quarantine", "--media-id", parts(safe)[1])
    same(await scene.ours.client.download(safe), File(b"the emblem of the house", "text/plain", None))


@ONCE.append
async def synadm_deletes_media_for_good(scene: Scene) -> None:
    mxc = await scene.ours.client.upload(b"delete me", "text/plain", None)
    deleted = await admin(scene, "media", "delete", "--media-id", parts(mxc)[1])
    assert deleted == {"deleted_media": [parts(mxc)[1]], "total": 1}, deleted
    await refused(404, "M_NOT_FOUND", scene.ours.client.download(mxc))
    long_ago = str(int(time.time() * 1000) - 30 * DAY_MS)
    none = await admin(scene, "media", "delete", "--before-ts", long_ago, "--size", "1")
    assert none == {"deleted_media": [], "total": 0}, none


@ONCE.append
async def synadm_purges_what_came_from_others_and_it_comes_again(scene: Scene) -> None:
    mxc = await scene.theirs.client.upload(b"purge me", "text/plain", None)
    same(await scene.ours.client.download(mxc), File(b"purge me", "text/plain", None))
    now = str(int(time.time() * 1000))
    purged = await admin(scene, "media", "purge", "--before-ts", now)
    assert purged["deleted"] >= 1, purged
    same(await scene.ours.client.download(mxc), File(b"purge me", "text/plain", None))


@ONCE.append
async def who_is_no_administrator_is_told_so(scene: Scene) -> None:
    account = await scene.ours.homeserver.register("no_admin")
    headers = {"Authorization": f"Bearer {account.token}"}
    url = f"{scene.ours.homeserver.public_url}/_synapse/admin/v1/statistics/users/media"
    async with scene.session.get(url, headers=headers) as answer:
        assert answer.status == 403 and (await answer.json())["errcode"] == "M_FORBIDDEN"
    headers = {"Authorization": f"Bearer {scene.ours.admin.token}"}
    async with scene.session.get(url, headers=headers, raise_for_status=True) as answer:
        assert (await answer.json())["total"] >= 1


async def admin(scene: Scene, *command: str) -> dict:
    return await synadm(scene.ours, scene.authority, *command)


async def room_with(scene: Scene, mxc: str) -> str:
    """A room of the administrator's, with one message that has media."""
    headers = {"Authorization": f"Bearer {scene.ours.admin.token}"}
    base = f"{scene.ours.homeserver.public_url}/_matrix/client/v3"
    async with scene.session.post(
        f"{base}/createRoom", json={}, headers=headers, raise_for_status=True
    ) as answer:
        room_id = (await answer.json())["room_id"]
    message = {"msgtype": "m.file", "body": "a file", "url": mxc}
    url = f"{base}/rooms/{quote(room_id)}/send/m.room.message/1"
    async with scene.session.put(url, json=message, headers=headers, raise_for_status=True):
        return room_id
