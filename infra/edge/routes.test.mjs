// Every route of every function gets to that function: through CloudFront's behaviours, and through what the outputs of
// `template.yaml` tell nginx, Caddy and Traefik.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { block, file, routes, substituted } from './read.mjs';

const edge = file('infra/edge.yaml');
const template = file('template.yaml');

// The names in the outputs' lists, and whose they are.
const FUNCTIONS = {
    Upload: 'upload',
    Download: 'download-redirect',
    Thumbnail: 'thumbnail',
    Federation: 'federation',
    Preview: 'url-preview',
    Admin: 'admin',
};

// As long as the host of a function URL can be.
const LONGEST_HOST = `${'x'.repeat(32)}.lambda-url.ap-southeast-2.on.aws`;

const behaviours = [...edge.matchAll(/- PathPattern: (\S+)\n +TargetOriginId: (\S+)\n([^]*?)(?=\n {10}[-#]|\n {8}\w)/g)].map(
    ([, pattern, target, rest]) => ({ pattern: wildcard(pattern), target, switches: rest.includes('ContentLength') }),
);

// CloudFront's: `*` is any number of characters, slashes included, and `?` is one.
function wildcard(pattern) {
    const literal = pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&');
    return new RegExp(`^${literal.replaceAll('*', '.*').replaceAll('?', '.')}$`);
}

const behaviour = (path) => behaviours.find(({ pattern }) => pattern.test(path));

// Pairs of a pattern and a function's name, in order.
function list(output, line) {
    const pairs = [...block(template, `  ${output}:`, '- |').matchAll(line)];
    return pairs.map(([, pattern, name]) => ({ pattern: new RegExp(pattern), target: FUNCTIONS[name] }));
}

test('there are routes, and behaviours for fewer than CloudFront allows', () => {
    assert.ok(routes().length > 25, `${routes().length} routes`);
    assert.ok(behaviours.length > 8 && behaviours.length <= 25, `${behaviours.length} behaviours`);
});

test('CloudFront sends every route to its function', () => {
    for (const { method, path, function: own } of routes()) {
        assert.equal(behaviour(path)?.target, own, `${method} ${path}`);
    }
});

test('what brings a body of any size passes the switch, and nothing that reads does', () => {
    for (const { method, path } of routes()) {
        const uploads = /^\/_matrix\/media\/..\/upload/.test(path) && method !== 'GET';
        const reads = method === 'GET';
        if (uploads) assert.ok(behaviour(path).switches, path);
        if (reads) assert.ok(!behaviour(path).switches, path);
    }
});

test('under the prefixes of media nothing falls through to the homeserver', () => {
    for (const path of [
        '/_matrix/media/v3/none',
        '/_matrix/media/v9000/upload',
        '/_matrix/client/v1/media/none',
        '/_matrix/federation/v1/media/none',
    ]) {
        assert.ok(behaviour(path), path);
    }
    for (const path of ['/_matrix/client/v3/sync', '/_synapse/admin/v1/users/@a:b/joined_rooms', '/_synapse/admin/v2/users']) {
        assert.equal(behaviour(path), undefined, path);
    }
});

test('nginx sends every route to its function', () => {
    const text = block(template, '  NginxRoutes:', '- |');
    const map = list('NginxRoutes', /^ +~(\S+) \$\{(\w+)\};$/gm);
    const rest = FUNCTIONS[text.match(/default \$\{(\w+)\};/)[1]];
    const location = new RegExp(text.match(/^location ~ (\S+) \{$/m)[1]);
    for (const { method, path, function: own } of routes()) {
        assert.match(path, location);
        const target = map.find(({ pattern }) => pattern.test(path))?.target ?? rest;
        assert.equal(target, own, `${method} ${path}`);
    }
});

test('Caddy sends every route to its function', () => {
    const handles = list('CaddyRoutes', /^@\w+ path_regexp (\S+)\nhandle @\w+ \{\n +import function \$\{(\w+)\}\n\}$/gm);
    for (const { method, path, function: own } of routes()) {
        assert.equal(handles.find(({ pattern }) => pattern.test(path))?.target, own, `${method} ${path}`);
    }
});

test('Traefik sends every route to its function', () => {
    const text = block(template, '  TraefikRoutes:', '- |');
    const services = Object.fromEntries(
        [...text.matchAll(/^ +(media-\w+): \{loadBalancer: .*https:\/\/\$\{(\w+)\}/gm)].map(([, name, host]) => [name, FUNCTIONS[host]]),
    );
    const routers = [...text.matchAll(/PathRegexp\(`(.*?)`\)", priority: (\d+), service: (media-\w+)/g)].map(
        ([, pattern, priority, service]) => ({ pattern: new RegExp(pattern), priority: Number(priority), target: services[service] }),
    );
    routers.sort((one, other) => other.priority - one.priority);
    assert.equal(routers.length, Object.keys(FUNCTIONS).length);
    for (const { method, path, function: own } of routes()) {
        assert.equal(routers.find(({ pattern }) => pattern.test(path))?.target, own, `${method} ${path}`);
    }
});

// CloudFormation names no limit for an output's value; a parameter's is 4 096 bytes.
test('the lists are short enough to be outputs', () => {
    const hosts = Object.fromEntries(Object.keys(FUNCTIONS).map((name) => [name, LONGEST_HOST]));
    for (const output of ['NginxRoutes', 'CaddyRoutes', 'TraefikRoutes']) {
        const { length } = substituted(block(template, `  ${output}:`, '- |'), hosts);
        assert.ok(length <= 4096, `${output} has ${length} bytes`);
    }
});
