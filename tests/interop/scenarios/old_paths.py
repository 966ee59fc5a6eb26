"""The paths from before media asked for a token. Libraries have left them; web pages and old servers have not."""

from urllib.parse import quote

from clients import File, Refused, described, parts
from pictures import check_thumbnail
from scene import PHOTO, WITH_EVERY_LIBRARY, Scene, refused, same


@WITH_EVERY_LIBRARY.append
async def the_old_paths_show_new_media_only_where_the_operator_says_so(scene: Scene) -> None:
    mxc = await scene.ours.client.upload(PHOTO, "image/jpeg", "mountains.jpg")
    for redirects in ["false", "true"]:
        download = get_openly(scene, "download", mxc, f"allow_redirect={redirects}")
        thumbnail = get_openly(
            scene, "thumbnail", mxc, f"width=32&height=32&method=crop&allow_redirect={redirects}"
        )
        if scene.are_old_paths_open:
            same(await download, File(PHOTO, "image/jpeg", "mountains.jpg"))
            check_thumbnail((await thumbnail).body, PHOTO, 32, 32, "crop")
        else:
            await refused(404, "M_NOT_FOUND", download)
            await refused(404, "M_NOT_FOUND", thumbnail)


async def get_openly(scene: Scene, what: str, mxc: str, query: str) -> File:
    server, media_id = parts(mxc)
    url = f"{scene.ours.homeserver.public_url}/_matrix/media/v3/{what}/{quote(server)}/{media_id}?{query}"
    async with scene.session.get(url) as answer:
        if not answer.ok:
            raise Refused(answer.status, (await answer.json())["errcode"])
        return described(await answer.read(), answer.headers)
