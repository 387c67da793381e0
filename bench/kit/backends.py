"""What stands behind the proxies: nginx with a fixed answer, nghttpd where an answer needs trailers."""
from kit import measure
from kit.scenario import BODY

GRPC_MESSAGE = b"\0\0\0\0\x20" + b"m" * 32  # not compressed, 32 bytes: gRPC's Length-Prefixed-Message


def start(scenario, folder, cpu=None, json_answer=False):
    """Starts the backend of a row; its port. `json_answer`: its body is a text of JSON."""
    if scenario.grpc:
        return start_nghttpd(folder, cpu)
    return start_nginx(folder, cpu, scenario.body, http2=scenario.service == "http2",
                       json_answer=json_answer)


def start_nginx(folder, cpu=None, body=BODY, http2=False, json_answer=False):
    """One nginx worker that answers `body` bytes; its port. It listens on backend.sock in the folder, too."""
    port = measure.free_port()
    answer = f'default_type text/plain; return 200 "{"x" * body}";'
    if json_answer:
        text = '{"a":"%s"}' % ("x" * (body - 8))
        answer = f"default_type application/json; return 200 '{text}';"
    if body > 2048:  # more than nginx takes in its configuration
        (folder / "body").write_text("x" * body)
        answer = f"root {folder}; try_files /body =404; open_file_cache max=10;"
    config = folder / "backend.conf"
    word = "http2" if http2 else ""
    config.write_text(f"""
daemon off; master_process off; pid {folder}/backend.pid; error_log {folder}/backend.log;
worker_processes 1; worker_rlimit_nofile 40000;
events {{ worker_connections 20000; }}
http {{
  access_log off; keepalive_requests 1000000000; keepalive_timeout 300s;
  client_body_temp_path {folder}/b1; proxy_temp_path {folder}/b2; fastcgi_temp_path {folder}/b3;
  uwsgi_temp_path {folder}/b4; scgi_temp_path {folder}/b5;
  server {{ listen 127.0.0.1:{port} backlog=8192 {word}; listen unix:{folder}/backend.sock backlog=8192 {word};
    location / {{ {answer} }} }}
}}
""")
    log = folder / "backend.log"
    process = measure.start([measure.find("nginx"), "-e", log, "-c", config, "-p", folder], log, cpu)
    measure.wait_ready(port, process, log, http1=not http2)
    return port


def start_nghttpd(folder, cpu):
    """Answers like a unary call of gRPC: a message, then grpc-status in the trailers."""
    program = measure.find("nghttpd")
    if program is None:
        raise RuntimeError("nghttpd is not installed; ./dev bench installs it")
    port = measure.free_port()
    root = folder / "grpc"
    root.mkdir()
    (root / "call").write_bytes(GRPC_MESSAGE)
    log = folder / "backend.log"
    command = [program, "--no-tls", "--address=127.0.0.1", "--trailer=grpc-status: 0", f"--htdocs={root}", str(port)]
    process = measure.start(command, log, cpu)
    measure.wait_ready(port, process, log, http1=False)
    return port
