/** Whether the gateway of this container answers; a container's health check. Its certificate is made out to the name that browsers know, so it is not checked here. */
import { get as getHttp } from 'node:http';
import { get as getHttps } from 'node:https';

const { TLS_CERT, PORT } = process.env;
const [get, scheme] = TLS_CERT ? [getHttps, 'https'] as const : [getHttp, 'http'] as const;
get(`${scheme}://127.0.0.1:${PORT}/health/live`, { rejectUnauthorized: false } as object, ({ statusCode }) => process.exit(statusCode === 200 ? 0 : 1)).on('error', () => process.exit(1));
