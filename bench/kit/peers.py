"""The programs of the rows, each with one thread in front of the backend of a scenario.

A starter takes a Site and returns (process, port, log), or raises Absent with the reason: the program is not
there, or cannot do what the scenario asks for.
"""
import dataclasses
import pathlib
import subprocess

from kit import measure
from kit.scenario import Scenario, route_prefixes

TLS13_CIPHER = "TLS_AES_128_GCM_SHA256"  # what Trunkline chooses; the others are told to


class Absent(RuntimeError):
    """Why a row has no figures."""


@dataclasses.dataclass
class Site:
    """Where a program is started: its folder, its backend, its CPU."""
    scenario: Scenario
    folder: pathlib.Path
    backend: object  # a port, or "unix:PATH"
    cpu: object
    programs: dict   # name of a row -> path of its program


def program(site, name):
    found = site.programs.get(name) or measure.find(name)
    if found is None or not pathlib.Path(found).exists():
        raise Absent("not on this machine")
    return found


def certificate(folder):
    """(certificate, key) for 127.0.0.1, on P-256; made once in a folder."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    if not cert.exists():
        subprocess.run([measure.find("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                        "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
                        "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True)
    return cert, key


def nginx_locations(scenario):
    proxy = "grpc_pass grpc://backend;" if scenario.grpc else "proxy_pass http://backend;"
    if scenario.routes == 1:
        return f"location / {{ {proxy} }}"
    return "\n".join(f"location {prefix} {{ {proxy} }}" for prefix in route_prefixes(scenario))


def start_nginx(site):
    scenario, folder = site.scenario, site.folder
    if scenario.service == "http2" and not scenario.grpc:
        raise Absent("has no HTTP/2 to services")
    port = measure.free_port()
    words, tls = "backlog=1024", ""
    if scenario.client == "http2":
        words += " http2"
    if scenario.tls:
        cert, key = certificate(folder)
        words += " ssl"
        tls = (f"ssl_certificate {cert}; ssl_certificate_key {key}; ssl_protocols TLSv1.3; "
               f"ssl_conf_command Ciphersuites {TLS13_CIPHER};")
    config = folder / "nginx.conf"
    config.write_text(f"""
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
worker_processes 1; worker_rlimit_nofile 40000;
events {{ worker_connections 8192; }}
http {{
  access_log off; keepalive_requests 1000000000; keepalive_timeout 300s;
  client_body_temp_path {folder}/p1; proxy_temp_path {folder}/p2; fastcgi_temp_path {folder}/p3;
  uwsgi_temp_path {folder}/p4; scgi_temp_path {folder}/p5;
  upstream backend {{ server 127.0.0.1:{site.backend}; keepalive {max(64, scenario.connections)};
    keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{port} {words}; {tls}
    proxy_http_version 1.1; proxy_set_header Connection "";
    {nginx_locations(scenario)}
  }}
}}
""")
    log = folder / "nginx.log"
    return measure.start([program(site, "nginx"), "-e", log, "-c", config, "-p", folder], log, site.cpu), port, log


def haproxy_bind(scenario, folder):
    if scenario.tls:
        cert, key = certificate(folder)
        both = folder / "both.pem"
        both.write_text(cert.read_text() + key.read_text())
        alpn = "h2" if scenario.client == "http2" else "http/1.1"
        return f"ssl crt {both} ssl-min-ver TLSv1.3 ciphersuites {TLS13_CIPHER} alpn {alpn}"
    return "proto h2" if scenario.client == "http2" else ""


def start_haproxy(site):
    scenario, folder = site.scenario, site.folder
    port = measure.free_port()
    choice = "default_backend back"
    if scenario.routes > 1:
        table = folder / "routes.map"
        table.write_text("".join(f"{prefix} back\n" for prefix in route_prefixes(scenario)))
        choice = f"use_backend %[path,map_beg({table})]"
    config = folder / "haproxy.cfg"
    config.write_text(f"""
global
  nbthread 1
  maxconn 8192
defaults
  mode http
  http-reuse always
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend front
  bind 127.0.0.1:{port} {haproxy_bind(scenario, folder)}
  {choice}
backend back
  server one 127.0.0.1:{site.backend} {"proto h2" if scenario.service == "http2" else ""}
""")
    log = folder / "haproxy.log"
    return measure.start([program(site, "haproxy"), "-db", "-f", config], log, site.cpu), port, log


def start_relay(site):
    scenario = site.scenario
    if scenario.tls or scenario.routes > 1 or scenario.client != scenario.service:
        raise Absent("only copies bytes")
    port = measure.free_port()
    log = site.folder / "relay.log"
    return measure.start([program(site, "relay"), port, site.backend], log, site.cpu), port, log


def trunkline_manifest(scenario, folder, port, backend, extra="", gateway="", routes=""):
    """Writes the benchmarks' manifest: one service that others run, no access log. `extra` is lines of the service,
    `gateway` of the gateway, `routes` stand in the place of the scenario's."""
    folder.mkdir(parents=True, exist_ok=True)
    tls = ""
    if scenario.tls:
        cert, key = certificate(folder)
        tls = f'  tls: {{ cert: {cert.name}, key: {key.name}, min_version: "1.3" }}\n'
    paths = ["/*"] if scenario.routes == 1 else [f"{prefix}*" for prefix in route_prefixes(scenario)]
    routes = routes or "".join(f"    - {{ path: {path}, to: backend }}\n" for path in paths)
    manifest = folder / "trunkline.yaml"
    manifest.write_text(f"""system: bench
gateway:
  limits: {{ connections_per_client: 0 }}   # all load comes from one address
  listen: 127.0.0.1:{port}
  threads: 1
{gateway}{tls}  routes:
{routes}contexts:
  bench:
    backend:
      address: {backend if str(backend).startswith("unix:") else f"127.0.0.1:{backend}"}
      protocol: {scenario.service}
{extra}telemetry:
  access_log: none
""")
    return manifest


def start_trunkline(site, row="trunkline", extra="", gateway="", routes=""):
    port = measure.free_port()
    log = site.folder / f"{row}.log"
    manifest = trunkline_manifest(site.scenario, site.folder / row, port, site.backend, extra, gateway, routes)
    return measure.start([program(site, row), "up", "--manifest", manifest], log, site.cpu), port, log


def start_joined(site, row, sides):
    """Trunkline with its connections to the `sides` ("client", "service") joined in the kernel."""
    site = dataclasses.replace(site, programs=site.programs | {row: program(site, "trunkline")})
    process, port, log = start_trunkline(site, row, "      accelerate: true\n" if "service" in sides else "",
                                         "  accelerate: true\n" if "client" in sides else "")
    measure.wait_ready(port, process, log)
    if "no connections are joined" in log.read_text():
        measure.stop(process)
        raise Absent("the kernel or the rights do not allow it: " + log.read_text().strip().splitlines()[-1])
    return process, port, log


def start_ready_trunkline(binary, folder, backend, cpu=None):
    """(process, port) of a gateway in the usual scenario, which answers."""
    site = Site(Scenario(), folder, backend, cpu, {"trunkline": binary})
    process, port, log = start_trunkline(site)
    measure.wait_ready(port, process, log)
    return process, port
