// What is nobody's path is answered at the edge, in the form of Matrix.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { block, file, handler } from './read.mjs';

const inlined = block(file('infra/edge.yaml'), '  Unrecognized:', 'FunctionCode:');
const answer = (method) => handler(inlined)({ request: { method, uri: '/wp-login.php', headers: {} } });

test('the template holds a copy of the file', () => {
    assert.equal(inlined, file('infra/edge/unrecognized.js'));
});

test('an unknown path is refused with an errcode', () => {
    for (const method of ['GET', 'POST', 'PUT', 'DELETE']) {
        const { statusCode, headers, body } = answer(method);
        assert.equal(statusCode, 404);
        assert.equal(headers['content-type'].value, 'application/json');
        assert.equal(headers['access-control-allow-origin'].value, '*');
        assert.equal(JSON.parse(body.data).errcode, 'M_UNRECOGNIZED');
    }
});

test('a web page that asks beforehand is told yes, without a body', () => {
    const { statusCode, headers, body } = answer('OPTIONS');
    assert.equal(statusCode, 204);
    assert.match(headers['access-control-allow-headers'].value, /Authorization/);
    assert.equal(body, undefined);
});
