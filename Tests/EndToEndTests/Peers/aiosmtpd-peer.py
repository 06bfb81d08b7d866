#!/usr/bin/env python3
"""A mail server that others have written (aiosmtpd), with STARTTLS and AUTH required: a second opinion
on how we speak SMTP, beside deploy/demo/smtp-peer.py which can misbehave.

    aiosmtpd-peer.py --folder DIR --user NAME --password-file FILE

DIR holds certificate.pem and key.pem. Writes DIR/port, and DIR/mails.jsonl as the other does.
"""

import argparse
import asyncio
import json
import pathlib
import ssl

from aiosmtpd.smtp import SMTP, AuthResult


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", required=True, type=pathlib.Path)
    parser.add_argument("--user", required=True)
    parser.add_argument("--password-file", required=True, type=pathlib.Path)
    options = parser.parse_args()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(options.folder / "certificate.pem", options.folder / "key.pem")

    class Keeper:
        async def handle_DATA(self, server, session, envelope):
            line = json.dumps({
                "from": envelope.mail_from, "to": envelope.rcpt_tos, "tls": session.ssl is not None,
                "user": session.auth_data, "message": envelope.content.decode("utf-8", "replace")})
            with open(options.folder / "mails.jsonl", "ab", buffering=0) as file:
                file.write(line.encode() + b"\n")
            return "250 taken"

    def authenticate(server, session, envelope, mechanism, data):
        password = options.password_file.read_bytes().rstrip(b"\n")
        success = data.login == options.user.encode() and data.password == password
        return AuthResult(success=success, auth_data=data.login.decode())

    async def serve():
        server = await asyncio.get_running_loop().create_server(
            lambda: SMTP(
                Keeper(), require_starttls=True, tls_context=context, auth_required=True,
                authenticator=authenticate, hostname="peer.example.org"),
            "127.0.0.1", 0)
        temporary = options.folder / ".port"
        temporary.write_text(f"{server.sockets[0].getsockname()[1]}\n")
        temporary.rename(options.folder / "port")
        await server.serve_forever()

    asyncio.run(serve())


if __name__ == "__main__":
    main()
