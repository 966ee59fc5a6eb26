"""A request of another server, signed with its key by the library that Synapse signs with."""

from aiohttp import ClientSession, MultipartReader
from signedjson.key import read_signing_keys
from signedjson.sign import sign_json
from yarl import URL

from clients import File, Refused, described
from homeserver import Synapse


async def get(
    session: ClientSession, origin: Synapse, to: Synapse, target: str, signed: str | None = None
) -> tuple[File, bool]:
    """What `to` gives `origin` for `target`, be it bytes or a link to them; and whether it was a link.

    `signed` is what the signature is about, when that is not `target`.
    """
    headers = {"Authorization": _authorization(origin, to, signed or target)}
    url = URL(to.public_url + target, encoded=True)
    async with session.get(url, headers=headers) as answer:
        if answer.status != 200:
            raise Refused(answer.status, (await answer.json())["errcode"])
        reader = MultipartReader.from_response(answer)
        about = await (await reader.next()).json()
        assert about == {}, f"the first part is {about}"
        media = await reader.next()
        location = media.headers.get("Location")
        if location is None:
            found = described(bytes(await media.read()), media.headers)
        assert await reader.next() is None, "there are two parts"
    if location is not None:
        async with session.get(URL(location, encoded=True), raise_for_status=True) as answer:
            found = described(await answer.read(), answer.headers)
    return found, location is not None


def _authorization(origin: Synapse, to: Synapse, target: str) -> str:
    with origin.signing_key_file.open() as file:
        key = read_signing_keys(file)[0]
    request = {"method": "GET", "uri": target, "origin": origin.name, "destination": to.name}
    signatures = sign_json(request, origin.name, key)["signatures"][origin.name]
    [(key_id, signature)] = signatures.items()
    return f'X-Matrix origin="{origin.name}",destination="{to.name}",key="{key_id}",sig="{signature}"'
