"""A mail server for the tests of reminders: aiosmtpd, which writes what comes into a folder.

    smtp.py PORT FOLDER                    takes mail in the clear, from anybody
    smtp.py PORT FOLDER CERTIFICATE KEY    takes it after STARTTLS, from "birge" with "open sesame"

Each greeting becomes a file *.hello, each mail a *.json. It says `ready`, and runs until it is
killed. A mail to refused@… is refused for good.
"""

import email
import email.policy
import itertools
import json
import os
import signal
import ssl
import sys

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

port, folder, *pair = sys.argv[1:]
numbers = itertools.count()


def write(kind, said):
    part = os.path.join(folder, "part")
    with open(part, "w", encoding="utf-8") as file:
        json.dump(said, file)
    os.rename(part, os.path.join(folder, f"{next(numbers):04}.{kind}"))


class Handler:
    async def handle_EHLO(self, server, session, envelope, hostname, responses):
        session.host_name = hostname
        write("hello", hostname)
        return responses

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("refused@"):
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        write("json", {
            "to": envelope.rcpt_tos,
            "from": envelope.mail_from,
            "headers": {name: str(value) for name, value in mail.items()},
            "body": "\n".join(mail.get_content().splitlines()).rstrip() + "\n",
            "tls": session.ssl is not None,
            "signedIn": session.authenticated is True,
        })
        return "250 OK"


def authenticate(server, session, envelope, mechanism, data):
    good = (data.login, data.password) == (b"birge", b"open sesame")
    return AuthResult(success=good, handled=good)


secure = {}
if pair:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*pair)
    secure = {
        "tls_context": context,
        "require_starttls": True,
        "authenticator": authenticate,
        "auth_required": True,
    }
controller = Controller(Handler(), hostname="127.0.0.1", port=int(port), **secure)
controller.start()
print("ready", flush=True)
signal.pause()
