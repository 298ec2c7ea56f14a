"""An OpenID provider in small: keys that can be exchanged, tokens as they are asked for, and what was fetched."""

import base64
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

AUDIENCE = "https://ecg.example"


@dataclass
class OpenIdProvider:
    """Signs with `keys`, publishes the public halves of those in `published`."""

    issuer: str = "https://id.example"
    keys: dict[str, Any] = field(
        default_factory=lambda: {
            "rsa": RSAKey.generate_key(2048, {"kid": "rsa"}),
            "p256": ECKey.generate_key("P-256", {"kid": "p256"}),
            "p384": ECKey.generate_key("P-384", {"kid": "p384"}),
        }
    )
    published: list[str] = field(default_factory=lambda: ["rsa", "p256", "p384"])
    fetched: list[str] = field(default_factory=list)
    down: bool = False
    use: str = "sig"

    def answer(self, path: str) -> bytes | None:
        """Return what stands at a path; None where nothing does, or nothing is told now."""
        self.fetched.append(path)
        documents: dict[str, Any] = {
            "/.well-known/openid-configuration": {"issuer": self.issuer, "jwks_uri": f"{self.issuer}/keys"},
            "/keys": {"keys": [self.keys[kid].as_dict(private=False, use=self.use) for kid in self.published]},
        }
        return None if self.down or path not in documents else json.dumps(documents[path]).encode()

    def token(self, kid: str = "rsa", algorithm: str = "RS256", **changed: Any) -> str:
        """Return a token that counts, but for what is changed; None takes a claim out."""
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": AUDIENCE, "sub": "dr-1", "exp": now + 300, "iat": now}
        claims |= {"scope": "user/DiagnosticReport.read"} | changed
        claims = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode({"alg": algorithm, "kid": kid}, claims, self.keys[kid], algorithms=[algorithm])

    def unsigned(self) -> str:
        """Return a good token's claims under the algorithm 'none'."""
        header = base64.urlsafe_b64encode(json.dumps({"alg": "none", "kid": "rsa"}).encode()).rstrip(b"=").decode()
        return f"{header}.{self.token().split('.')[1]}."

    def signed_with_the_public_key(self) -> str:
        """Return a good token's claims, signed by HS256 with the published RSA key as the secret."""
        payload = self.token().split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        secret = OctKey.import_key(base64.b64encode(self.keys["rsa"].as_pem(private=False)))
        return jwt.encode({"alg": "HS256", "kid": "rsa"}, claims, secret, algorithms=["HS256"])


@contextmanager
def serving() -> Iterator[OpenIdProvider]:
    """Serve a provider over HTTP on loopback until the end of the block."""
    provider = OpenIdProvider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = provider.answer(self.path)
            self.send_response(200 if body else 503)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider.issuer = f"http://127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
