"""Certificates for tests, made with the openssl command: an authority and what it signs."""
import pathlib
import shutil
import subprocess

KEYS = {"ec": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"], "rsa": ["-newkey", "rsa:2048"]}


def available():
    return shutil.which("openssl") is not None


def openssl(*arguments, folder=None):
    done = subprocess.run(["openssl", *map(str, arguments)], cwd=folder, capture_output=True, text=True, timeout=30,
                          stdin=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        raise AssertionError(f"openssl {arguments} failed:\n{done.stderr}")
    return done.stdout


def alternative_names(names):
    kinds = ("URI" if "://" in name else "IP" if name.replace(".", "").isdigit() or ":" in name else "DNS" for name in names)
    return "subjectAltName=" + ",".join(f"{kind}:{name}" for kind, name in zip(kinds, names))


class Authority:
    def __init__(self, folder, name="kit authority", file="ca"):
        self.folder = pathlib.Path(folder)
        self.pem, self.key = self.folder / f"{file}.pem", self.folder / f"{file}.key"
        openssl("req", "-x509", *KEYS["ec"], "-nodes", "-keyout", self.key, "-out", self.pem, "-subj", f"/CN={name}",
                "-days", "30")

    def sign(self, file, *names, key="ec", days=30, subject=None):
        """(certificate, key): paths FILE.pem and FILE.key. days=-1: expired yesterday."""
        pem, private = self.folder / f"{file}.pem", self.folder / f"{file}.key"
        request = self.folder / f"{file}.csr"
        openssl("req", *KEYS[key], "-nodes", "-keyout", private, "-out", request, "-subj", subject or f"/CN={names[0]}",
                "-addext", alternative_names(names))
        openssl("x509", "-req", "-in", request, "-CA", self.pem, "-CAkey", self.key, "-CAcreateserial", "-out", pem,
                "-days", days, "-copy_extensions", "copyall")
        request.unlink()
        return pem, private
