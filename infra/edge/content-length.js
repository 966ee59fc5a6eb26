import cf from 'cloudfront';

// Who takes an upload is decided here, by its length, before a byte of its body is sent.
//
// Lambda takes 6 MB with base64 around them, 4 MiB of bytes to be safe, and refuses more in words of its own before any of
// our code runs. So what is larger goes to the gateway, where there is one, or is refused here in the words of Matrix.
//
// `infra/edge.yaml` holds a copy of this file, in which CloudFormation fills in the two quoted values below; a test compares
// the two. So there are no template literals here: CloudFormation would take them for its own.

const FUNCTION_BYTES = 4194304;
const MAX_BYTES = Number('${MaxUploadBytes}');
const GATEWAY = '${GatewayHost}';

function handler(event) {
    const request = event.request;
    if (request.method !== 'POST' && request.method !== 'PUT') {
        return request;
    }
    const length = saidLength(request.headers);
    if (length === null) {
        return unknownLength(request);
    }
    if (length > MAX_BYTES || (length > FUNCTION_BYTES && GATEWAY === '')) {
        return tooLarge();
    }
    if (length > FUNCTION_BYTES) {
        cf.selectRequestOriginById('gateway');
    }
    return request;
}

// In pieces (HTTP/1.1), or not said (HTTP/2): the gateway counts what comes. Without one the function has to do: what is
// small arrives, and of what is not Lambda says 413 itself, if not in our words.
function unknownLength(request) {
    // Finishes an upload that went straight to S3, so there is no body whose length anybody could say.
    const finishes = request.method === 'POST' && request.uri.endsWith('/complete');
    if (GATEWAY !== '' && !finishes) {
        cf.selectRequestOriginById('gateway');
    }
    return request;
}

function saidLength(headers) {
    const said = headers['content-length'];
    return said && /^[0-9]+$/.test(said.value) ? Number(said.value) : null;
}

// As `shared/matrix` says it; and with CORS, or a web page would see a failed connection instead of the reason.
function tooLarge() {
    return {
        statusCode: 413,
        statusDescription: 'Payload Too Large',
        headers: {
            'content-type': { value: 'application/json' },
            'cache-control': { value: 'no-store' },
            'access-control-allow-origin': { value: '*' },
            'cross-origin-resource-policy': { value: 'cross-origin' },
            'x-content-type-options': { value: 'nosniff' },
        },
        body: {
            encoding: 'text',
            data: JSON.stringify({
                errcode: 'M_TOO_LARGE',
                error: 'The upload is larger than the limit of ' + MAX_BYTES + ' bytes.',
            }),
        },
    };
}
