"""Files that survive a power cut, and keys and certificates by the program openssl."""
import base64
import hashlib
import os
import ssl
import subprocess


def save(path, data):
    """All of the new content or all of the old, also after a power cut."""
    part = path.with_suffix(".part")
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.rename(part, path)
    folder = os.open(path.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


def openssl(*arguments, data=None):
    return subprocess.run(
        ["openssl", *arguments], input=data, check=True, capture_output=True
    ).stdout


def pem(der):
    return ssl.DER_cert_to_PEM_cert(der).encode()


def make_key(path):
    if not path.exists():
        save(path, openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"))


def make_request(key):
    der = openssl("req", "-new", "-key", str(key), "-subj", "/CN=muster", "-outform", "DER")
    return base64.b64encode(der).decode()


def pin_of(certificate):
    public = openssl("x509", "-inform", "DER", "-noout", "-pubkey", data=certificate)
    spki = openssl("pkey", "-pubin", "-outform", "DER", data=public)
    return base64.b32encode(hashlib.sha256(spki).digest()).decode().rstrip("=").lower()
