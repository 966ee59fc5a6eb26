// What nobody here answers is refused here: whatever scans the web for doors should not wake a function.
//
// `infra/edge.yaml` holds a copy of this file; a test compares the two.
function handler(event) {
    const headers = {
        'access-control-allow-origin': { value: '*' },
        'access-control-allow-methods': { value: 'GET, HEAD, POST, PUT, DELETE, OPTIONS' },
        'access-control-allow-headers': { value: 'X-Requested-With, Content-Type, Authorization, Date, Range' },
        'cross-origin-resource-policy': { value: 'cross-origin' },
        'x-content-type-options': { value: 'nosniff' },
    };
    // A web page may ask beforehand, wherever it asks (client-server API, "Web browser clients").
    if (event.request.method === 'OPTIONS') {
        return { statusCode: 204, statusDescription: 'No Content', headers: headers };
    }
    headers['content-type'] = { value: 'application/json' };
    return {
        statusCode: 404,
        statusDescription: 'Not Found',
        headers: headers,
        body: {
            encoding: 'text',
            data: JSON.stringify({
                errcode: 'M_UNRECOGNIZED',
                error: 'Unrecognized request: there is no such endpoint.',
            }),
        },
    };
}
