import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

/** A self-signed certificate for this machine, and its key: PEM files. By openssl, which every Debian with certificates has. */
export function aCertificate(folder: string, name = 'tls'): { cert: string; key: string } {
  const [cert, key] = [join(folder, `${name}.crt`), join(folder, `${name}.key`)];
  execFileSync('openssl', [
    'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', `/CN=${name}`,
    '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1', '-keyout', key, '-out', cert,
  ], { stdio: 'ignore' });
  return { cert, key };
}
