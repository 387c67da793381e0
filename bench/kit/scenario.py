"""What one row of the benchmarks measures: the load, the backend and what lies between."""
import dataclasses

BODY = 64  # bytes of an answer where a row says nothing else


@dataclasses.dataclass(frozen=True)
class Scenario:
    """All rows differ from the first, the usual one, in one thing."""
    name: str = "64 connections"
    connections: int = 64
    streams: int = 1        # requests at a time on each connection, HTTP/2 only
    body: int = BODY
    tls: bool = False       # from the clients; TLS 1.3 with AES-128-GCM everywhere
    client: str = "http1"   # what the load speaks
    service: str = "http1"  # what the backend speaks
    grpc: bool = False      # POST of a message, an answer with trailers
    routes: int = 1
    headers: tuple = ()     # further lines of the request's head, HTTP/1.1 only
    post: str = ""          # a body of JSON, HTTP/1.1 only

    @property
    def path(self):
        """The path that is asked for: that of a route in the middle."""
        return "/" if self.routes == 1 else f"/svc-{self.routes // 2}/item"

    @property
    def scheme(self):
        return "https" if self.tls else "http"


def route_prefixes(scenario):
    return [f"/svc-{number}/" for number in range(scenario.routes)]


HTTP2 = {"connections": 8, "streams": 8, "client": "http2"}

MATRIX = [
    Scenario("1 connection", connections=1),
    Scenario("16 connections", connections=16),
    Scenario("64 connections"),
    Scenario("512 connections", connections=512),
    Scenario("1 KB", body=1024),
    Scenario("64 KB", body=64 * 1024),
    Scenario("1 MB", body=1024 * 1024, connections=16),
    Scenario("100 routes", routes=100),
    Scenario("5,000 routes", routes=5000),
    Scenario("TLS", tls=True),
    Scenario("TLS, 64 KB", tls=True, body=64 * 1024),
    Scenario("HTTP/2", **HTTP2),
    Scenario("HTTP/2, TLS", tls=True, **HTTP2),
    Scenario("HTTP/2 to the service", service="http2"),
    Scenario("gRPC", service="http2", grpc=True, **HTTP2),
]
