"""What another server may ask for that Synapse, with its own thumbnails and honest signatures, does not."""

import federation
from clients import File, parts
from pictures import check_thumbnail
from scene import PHOTO, WITH_EVERY_LIBRARY, Scene, refused, same


@WITH_EVERY_LIBRARY.append
async def another_server_may_ask_for_a_thumbnail(scene: Scene) -> None:
    mxc = await scene.ours.client.upload(PHOTO, "image/jpeg", None)
    for width, height, method in [(32, 32, "crop"), (800, 600, "scale")]:
        target = f"{thumbnail(mxc)}?width={width}&height={height}&method={method}"
        got, _ = await federation.get(scene.session, scene.theirs.homeserver, scene.ours.homeserver, target)
        check_thumbnail(got.body, PHOTO, width, height, method)


@WITH_EVERY_LIBRARY.append
async def another_server_gets_bytes_or_a_link_as_the_operator_says(scene: Scene) -> None:
    """Who asks twice for the same gets bytes from then on. Synapse has read a lot by now, and never did."""
    mxc = await scene.ours.client.upload(PHOTO, "image/jpeg", "mountains.jpg")
    target = f"/_matrix/federation/v1/media/download/{parts(mxc)[1]}"
    got, is_link = await federation.get(scene.session, scene.theirs.homeserver, scene.ours.homeserver, target)
    same(got, File(PHOTO, "image/jpeg", "mountains.jpg"))
    assert is_link == scene.are_links_sent, "a link" if is_link else "bytes"


@WITH_EVERY_LIBRARY.append
async def another_server_must_sign_what_it_asks_for(scene: Scene) -> None:
    mxc = await scene.ours.client.upload(PHOTO, "image/jpeg", None)
    target = f"{thumbnail(mxc)}?width=32&height=32&method=crop"
    # The same question, written otherwise.
    signed = f"{thumbnail(mxc)}?height=32&width=32&method=crop"
    asked = federation.get(
        scene.session, scene.theirs.homeserver, scene.ours.homeserver, target, signed=signed
    )
    await refused(401, "M_UNAUTHORIZED", asked)


def thumbnail(mxc: str) -> str:
    return f"/_matrix/federation/v1/media/thumbnail/{parts(mxc)[1]}"
