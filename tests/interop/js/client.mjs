// matrix-js-sdk, told by lines of JSON on its input what to do; it answers each with a line. Bytes go through files.

import { readFile, writeFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { createClient } from "matrix-js-sdk";
import { logger } from "matrix-js-sdk/lib/logger.js";

// The output is for answers.
logger.disableAll();

let client;

const actions = {
    async logIn({ url, user, password }) {
        const { access_token: accessToken } = await createClient({ baseUrl: url }).login("m.login.password", {
            identifier: { type: "m.id.user", user },
            password,
        });
        client = createClient({ baseUrl: url, userId: user, accessToken });
        return {};
    },

    async upload({ file, type, name }) {
        const body = new Blob([await readFile(file)], { type });
        const { content_uri: mxc } = await client.uploadContent(body, { name, includeFilename: name !== null });
        return { mxc };
    },

    async limit() {
        return { limit: (await client.getMediaConfig(true))["m.upload.size"] };
    },

    // The library makes the address, and the application asks: so does Element.
    async get({ file, mxc, width, height, method }) {
        const url = client.mxcUrlToHttp(mxc, width, height, method, false, true, true);
        const response = await fetch(url, { headers: { Authorization: `Bearer ${client.getAccessToken()}` } });
        if (!response.ok) {
            return { status: response.status, errcode: (await response.json()).errcode };
        }
        await writeFile(file, Buffer.from(await response.arrayBuffer()));
        return { headers: Object.fromEntries(response.headers) };
    },
};

for await (const line of createInterface({ input: process.stdin })) {
    const { action, ...parameters } = JSON.parse(line);
    const answer = await actions[action](parameters).catch((error) => ({
        status: error.httpStatus ?? 0,
        errcode: error.errcode ?? String(error.cause ?? error),
    }));
    console.log(JSON.stringify(answer));
}
