// Who takes an upload, as the edge decides it: the code is taken out of `edge.yaml`, as CloudFormation would fill it in.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { block, file, handler, substituted } from './read.mjs';

const MIB = 1024 * 1024;
const UPLOAD = '/_matrix/media/v3/upload';
const inlined = block(file('infra/edge.yaml'), '  ContentLength:', 'FunctionCode:');

test('the template holds a copy of the file', () => {
    assert.equal(inlined, file('infra/edge/content-length.js'));
});

test('it is small enough for CloudFront', () => {
    assert.ok(inlined.length < 10 * 1024, `${inlined.length} bytes`);
});

const alone = { MaxUploadBytes: String(4 * MIB), GatewayHost: '' };
const withGateway = { MaxUploadBytes: String(100 * MIB), GatewayHost: 'gateway.example.org' };

// What becomes of a request: the name of the origin, or the answer.
function decide(settings, { method = 'POST', uri = UPLOAD, length, headers = {} }) {
    const selected = [];
    const said = length === undefined ? headers : { ...headers, 'content-length': { value: String(length) } };
    const request = { method, uri, headers: said, querystring: {}, cookies: {} };
    const result = handler(substituted(inlined, settings), selected)({ version: '1.0', request });
    if (result !== request) return result;
    assert.ok(selected.length <= 1);
    return selected[0] ?? 'function';
}

function assertTooLarge(answer, limit) {
    assert.equal(answer.statusCode, 413);
    assert.equal(answer.headers['content-type'].value, 'application/json');
    assert.equal(answer.headers['access-control-allow-origin'].value, '*');
    assert.deepEqual(JSON.parse(answer.body.data), {
        errcode: 'M_TOO_LARGE',
        error: `The upload is larger than the limit of ${limit} bytes.`,
    });
    // CloudFront takes header names in lower case only.
    for (const name of Object.keys(answer.headers)) assert.equal(name, name.toLowerCase());
}

test('up to 4 MiB the function takes it, gateway or not', () => {
    for (const settings of [alone, withGateway]) {
        for (const length of [0, 1, 4 * MIB]) {
            assert.equal(decide(settings, { length }), 'function');
            const uri = `${UPLOAD}/example.org/abc`;
            assert.equal(decide(settings, { length, method: 'PUT', uri }), 'function');
        }
    }
});

test('one byte more is refused in the words of Matrix', () => {
    assertTooLarge(decide(alone, { length: 4 * MIB + 1 }), 4 * MIB);
    assertTooLarge(decide(alone, { length: 4 * MIB + 1, method: 'PUT' }), 4 * MIB);
    assertTooLarge(decide(alone, { length: '9'.repeat(400) }), 4 * MIB);
});

test('one byte more goes to the gateway where there is one, up to its own limit', () => {
    assert.equal(decide(withGateway, { length: 4 * MIB + 1 }), 'gateway');
    assert.equal(decide(withGateway, { length: 100 * MIB }), 'gateway');
    assertTooLarge(decide(withGateway, { length: 100 * MIB + 1 }), 100 * MIB);
});

test('a limit below 4 MiB holds at the edge already', () => {
    const strict = { MaxUploadBytes: '1000', GatewayHost: '' };
    assert.equal(decide(strict, { length: 1000 }), 'function');
    assertTooLarge(decide(strict, { length: 1001 }), 1000);
});

test('a body that comes in pieces is counted by the gateway, or else by whoever there is', () => {
    const headers = { 'transfer-encoding': { value: 'chunked' } };
    assert.equal(decide(withGateway, { headers }), 'gateway');
    assert.equal(decide(alone, { headers }), 'function');
    assert.equal(decide(withGateway, {}), 'gateway');
    assert.equal(decide(alone, {}), 'function');
});

test('a length that is none is as good as unsaid', () => {
    for (const length of ['', '-1', '1e3', '0x10', '12, 12', ' 7']) {
        assert.equal(decide(withGateway, { length }), 'gateway', length);
        assert.equal(decide(alone, { length }), 'function', length);
    }
});

test('the end of a direct upload has no body, and is no upload', () => {
    const uri = '/_matrix/media/v1/upload/example.org/abc/complete';
    assert.equal(decide(withGateway, { uri }), 'function');
    // But a media id may be called so.
    assert.equal(decide(withGateway, { uri: `${UPLOAD}/example.org/complete`, method: 'PUT' }), 'gateway');
});

test('what brings no body is nobody\'s business here', () => {
    for (const method of ['OPTIONS', 'GET', 'HEAD', 'DELETE']) {
        for (const settings of [alone, withGateway]) {
            assert.equal(decide(settings, { method }), 'function');
            assert.equal(decide(settings, { method, length: 5 * MIB }), 'function');
        }
    }
});
