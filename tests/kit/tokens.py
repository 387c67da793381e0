"""JSON Web Tokens for tests, signed by the openssl command: keys, their JWKs, and tokens, well made or not."""
import base64
import hashlib
import hmac
import json
import pathlib
import subprocess

from .certificates import openssl

RSA = ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]
CURVES = {"ES256": ("prime256v1", "P-256", 32), "ES384": ("secp384r1", "P-384", 48), "ES512": ("secp521r1", "P-521", 66)}


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def segment(value):
    return b64(value if isinstance(value, bytes) else json.dumps(value).encode())


class Key:
    """A private key for one algorithm, in a file of `folder`."""
    def __init__(self, folder, algorithm, kid=None):
        self.algorithm, self.kid = algorithm, kid or algorithm.lower()
        self.file = pathlib.Path(folder) / f"{self.kid.replace('/', '_')}.key"
        if algorithm in CURVES:
            kind = ["-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:{CURVES[algorithm][0]}"]
        else:
            kind = ["-algorithm", "ED25519"] if algorithm == "EdDSA" else RSA
        openssl("genpkey", *kind, "-out", self.file)

    def public(self):
        return openssl("pkey", "-in", self.file, "-pubout")

    def _der(self):
        return subprocess.run(["openssl", "pkey", "-in", str(self.file), "-pubout", "-outform", "DER"], check=True,
                              capture_output=True, timeout=30).stdout

    def jwk(self, **more):
        jwk = {"kid": self.kid, "alg": self.algorithm, "use": "sig"}
        if self.algorithm in CURVES:
            _, curve, size = CURVES[self.algorithm]
            point = self._der()[-2 * size:]
            jwk |= {"kty": "EC", "crv": curve, "x": b64(point[:size]), "y": b64(point[size:])}
        elif self.algorithm == "EdDSA":
            jwk |= {"kty": "OKP", "crv": "Ed25519", "x": b64(self._der()[-32:])}
        else:
            modulus = openssl("rsa", "-in", self.file, "-noout", "-modulus").strip().partition("=")[2]
            jwk |= {"kty": "RSA", "n": b64(bytes.fromhex(modulus)), "e": "AQAB"}
        jwk |= more
        return {name: value for name, value in jwk.items() if value is not None}

    def sign(self, data, algorithm=None):
        algorithm = algorithm or self.algorithm
        if algorithm == "EdDSA":
            told = self.file.with_suffix(".told")
            told.write_bytes(data)
            return subprocess.run(["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", str(self.file), "-in", str(told)],
                                  check=True, capture_output=True, timeout=30).stdout
        arguments = ["openssl", "dgst", f"-sha{algorithm[2:]}", "-sign", str(self.file)]
        if algorithm.startswith("PS"):
            arguments += ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"]
        made = subprocess.run(arguments, input=data, check=True, capture_output=True, timeout=30).stdout
        return raw_pair(made, CURVES[self.algorithm][2]) if self.algorithm in CURVES else made

    def token(self, claims, header=None, signature=None):
        """`header` is merged over the usual one; None in it takes a member away."""
        head = {"alg": self.algorithm, "typ": "JWT", "kid": self.kid, **(header or {})}
        head = {name: value for name, value in head.items() if value is not None}
        told = f"{segment(head)}.{segment(claims)}"
        made = self.sign(told.encode()) if signature is None else signature
        return f"{told}.{b64(made)}"


def raw_pair(der, size):
    """r and s of an ECDSA signature side by side, from DER."""
    at = 2 if der[1] < 0x80 else 3
    numbers = []
    for _ in range(2):
        length = der[at + 1]
        numbers.append(int.from_bytes(der[at + 2:at + 2 + length], "big"))
        at += 2 + length
    return b"".join(number.to_bytes(size, "big") for number in numbers)


def hmac_token(secret, claims, algorithm="HS256", **header):
    told = f"{segment({'alg': algorithm, 'typ': 'JWT', **header})}.{segment(claims)}"
    digest = getattr(hashlib, f"sha{algorithm[2:]}")
    return f"{told}.{b64(hmac.new(secret, told.encode(), digest).digest())}"
