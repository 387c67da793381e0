"""Envoy as a row: it is not in Debian, so it is measured where somebody has put it into the PATH, or by --envoy."""
import json

from kit import measure, peers
from kit.scenario import route_prefixes

EXTENSIONS = "type.googleapis.com/envoy.extensions."
HTTP = EXTENSIONS + "filters.network.http_connection_manager.v3.HttpConnectionManager"
ROUTER = EXTENSIONS + "filters.http.router.v3.Router"
TLS = EXTENSIONS + "transport_sockets.tls.v3.DownstreamTlsContext"
PROTOCOLS = EXTENSIONS + "upstreams.http.v3.HttpProtocolOptions"


def address(port):
    return {"socket_address": {"address": "127.0.0.1", "port_value": int(port)}}


def routes(scenario):
    prefixes = ["/"] if scenario.routes == 1 else route_prefixes(scenario)
    return [{"match": {"prefix": prefix}, "route": {"cluster": "backend"}} for prefix in prefixes]


def filter_chain(scenario, folder):
    manager = {"@type": HTTP, "stat_prefix": "bench", "codec_type": "AUTO",
               "http_filters": [{"name": "router", "typed_config": {"@type": ROUTER}}],
               "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes(scenario)}]}}
    chain = {"filters": [{"name": "http", "typed_config": manager}]}
    if scenario.tls:
        cert, key = peers.certificate(folder)
        # BoringSSL chooses among the ciphers of TLS 1.3 by itself: AES-128-GCM, where the processor has AES.
        common = {"tls_params": {"tls_minimum_protocol_version": "TLSv1_3"},
                  "tls_certificates": [{"certificate_chain": {"filename": str(cert)}, "private_key": {"filename": str(key)}}],
                  "alpn_protocols": ["h2" if scenario.client == "http2" else "http/1.1"]}
        chain["transport_socket"] = {"name": "tls", "typed_config": {"@type": TLS, "common_tls_context": common}}
    return chain


def cluster(scenario, backend):
    made = {"name": "backend", "type": "STATIC", "connect_timeout": "5s",
            "load_assignment": {"cluster_name": "backend", "endpoints": [
                {"lb_endpoints": [{"endpoint": {"address": address(backend)}}]}]}}
    if scenario.service == "http2":
        options = {"@type": PROTOCOLS, "explicit_http_config": {"http2_protocol_options": {}}}
        made["typed_extension_protocol_options"] = {PROTOCOLS.partition("/")[2]: options}
    return made


def start(site):
    path = peers.program(site, "envoy")
    port = measure.free_port()
    config = site.folder / "envoy.json"
    listener = {"name": "front", "address": address(port), "filter_chains": [filter_chain(site.scenario, site.folder)]}
    config.write_text(json.dumps({"static_resources": {
        "listeners": [listener], "clusters": [cluster(site.scenario, site.backend)]}}))
    log = site.folder / "envoy.log"
    command = [path, "-c", config, "--concurrency", "1", "--log-level", "warning", "--disable-hot-restart"]
    return measure.start(command, log, site.cpu), port, log
