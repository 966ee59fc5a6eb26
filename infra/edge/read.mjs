// Reads as much of the templates as the tests here need, so that they need no package: the templates are ours, and their
// layout is as regular as their linter wants it.
import { readFileSync } from 'node:fs';

const root = new URL('../../', import.meta.url);

export function file(path) {
    return readFileSync(new URL(path, root), 'utf8');
}

// What stands as a block under the first line that begins so, after the line `owner`; without its indentation.
export function block(text, owner, key) {
    const lines = text.split('\n');
    const from = lines.indexOf(owner);
    const start = lines.findIndex((line, at) => at > from && line.trimStart().startsWith(key));
    if (from < 0 || start < 0) throw new Error(`no ${key} in ${owner}`);
    const indent = lines[start + 1].search(/\S/);
    const end = lines.findIndex((line, at) => at > start && line.trim() !== '' && line.search(/\S/) < indent);
    return lines.slice(start + 1, end).map((line) => line.slice(indent)).join('\n').trimEnd() + '\n';
}

// What `Fn::Sub` makes of a text.
export function substituted(text, values) {
    return text.replace(/\$\{([A-Za-z:]+)\}/g, (_, name) => {
        if (!(name in values)) throw new Error(`nobody says what ${name} is`);
        return values[name];
    });
}

// The handler of a CloudFront Function, run as a plain function. `selected` gets the origins that it chose.
export function handler(source, selected = []) {
    const cf = { selectRequestOriginById: (id) => selected.push(id) };
    const body = source.replace("import cf from 'cloudfront';", '');
    return new Function('cf', `'use strict'; ${body}; return handler;`)(cf);
}

// Every route of `template.yaml`: its function (the folder's name), its method and its path with names filled in that are
// legal and as misleading as can be.
export function routes() {
    const names = {
        serverName: 'upload',
        mediaId: 'thumbnail',
        fileName: 'preview_url',
        userId: '@media:upload',
        roomId: '!media:upload',
        sha256: 'download',
        jobId: 'media',
    };
    const found = [];
    let functions = [];
    for (const line of file('template.yaml').split('\n')) {
        const route = line.match(/^ {8}- (GET|POST|PUT|DELETE) (\/_(?:matrix|synapse)\/\S+)$/);
        const code = line.match(/^ {6}CodeUri: functions\/(\S+)$/);
        if (route) functions.push({ method: route[1], path: route[2].replace(/\{(\w+)\}/g, (_, name) => names[name]) });
        if (code) {
            found.push(...functions.map((one) => ({ ...one, function: code[1] })));
            functions = [];
        }
    }
    return found;
}
