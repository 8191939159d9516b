"""The programs that a relay stands before and after, each started on loopback, and ended with the script."""
import atexit, os, shutil, signal, socket, subprocess, sys, tempfile, time

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDER = tempfile.mkdtemp(prefix="relay-")
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)
RUNNING = []


@atexit.register
def end():
    for process in RUNNING:
        process.terminate()
    for process in RUNNING:
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()


def started(command, **more):
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, **more)
    RUNNING.append(process)
    return process


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def listens(port, seconds=20):
    """Waits until somebody listens there."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return port
        except OSError:
            time.sleep(0.05)
    raise SystemExit(f"nobody listens on {port}")


def path(name):
    return os.path.join(FOLDER, name)


def has(*names):
    """The first of these programs that is there."""
    if names[0] == "gunicorn":
        return gunicorn_program()
    return next((found for name in names if (found := shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin"))), None)


def written(name, text):
    with open(path(name), "w") as file:
        file.write(text)
    return path(name)


def first_line(command):
    process = started(command, stdout=subprocess.PIPE, text=True)
    return int(process.stdout.readline())


def origin(log=None, port=0):
    return first_line([os.path.join(HERE, "origin"), str(port)] + ([log] if log else []))


def relay(program, *upstreams, log="relay.log"):
    """Its port, and its process."""
    out = path(log)
    process = started([program, "127.0.0.1:0", *(f"127.0.0.1:{port}" for port in upstreams)], stdout=open(out, "w"))
    until = time.monotonic() + 10
    while time.monotonic() < until:
        with open(out) as file:
            if (line := file.readline()).endswith("\n"):
                return int(line.strip().rstrip("/").rsplit(":", 1)[1]), process
        time.sleep(0.05)
    raise SystemExit("the relay does not listen")


def nginx_with(location, before=""):
    """One that does this with each request."""
    port, name = free_port(), f"nginx-{len(RUNNING)}"
    temporary = "".join(f"{kind}_temp_path {path(name)}-{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    started([has("nginx"), "-p", FOLDER, "-e", path(name + ".err"), "-c", written(name, f"""
        daemon off; worker_processes 1; error_log {path(name + '.err')}; pid {path(name + '.pid')};
        events {{ worker_connections 2048; }}
        http {{ access_log off; {temporary} client_max_body_size 0; keepalive_requests 1000000; {before}
          server {{ listen 127.0.0.1:{port}; location / {{ {location} }} }} }}""")])
    return listens(port)


def nginx(*upstreams):
    servers = "".join(f"server 127.0.0.1:{upstream} max_fails=0;" for upstream in upstreams)
    return nginx_with("""proxy_pass http://o; proxy_http_version 1.1; proxy_set_header Connection "";
        proxy_set_header Host $http_host; proxy_request_buffering off;""", f"upstream o {{ {servers} keepalive 32; }}")


def origin_of_words():
    """An origin of which little is to be measured."""
    return nginx_with("return 200 hello;")


def haproxy(*upstreams, more=""):
    port, name = free_port(), f"haproxy-{len(RUNNING)}"
    servers = "\n".join(f"  server s{at} 127.0.0.1:{upstream}" for at, upstream in enumerate(upstreams))
    started([has("haproxy"), "-f", written(name, f"""
global
  maxconn 2000
defaults
  mode http
  timeout client 30s
  timeout server 30s
  timeout connect 5s
{more}
frontend f
  bind 127.0.0.1:{port}
  default_backend b
backend b
{servers}
""")], stderr=subprocess.DEVNULL)
    return listens(port)


def apache(upstream):
    port, name = free_port(), f"apache-{len(RUNNING)}"
    modules = "/usr/lib/apache2/modules"
    load = "\n".join(f"LoadModule {module}_module {modules}/mod_{module}.so" for module in ("mpm_event", "authz_core", "proxy", "proxy_http"))
    started([has("apache2", "httpd"), "-X", "-d", FOLDER, "-f", written(name, f"""
ServerName localhost
Listen 127.0.0.1:{port}
PidFile {path(name + '.pid')}
ErrorLog {path(name + '.err')}
DefaultRuntimeDir {FOLDER}
{load}
Mutex fcntl:{FOLDER}
KeepAlive On
MaxKeepAliveRequests 0
KeepAliveTimeout 5
ThreadsPerChild 64
MaxRequestWorkers 64
ProxyPass / http://127.0.0.1:{upstream}/ flushpackets=on
""")], stderr=subprocess.DEVNULL)
    return listens(port)


def gunicorn_program():
    """Of a virtual environment that is made once; `None` where none can be made."""
    folder = os.environ.get("VENV", os.path.join(HERE, "../../target/relay-venv"))
    program = os.path.join(folder, "bin/gunicorn")
    if not os.path.exists(program):
        made = subprocess.run([sys.executable, "-m", "venv", folder], capture_output=True).returncode == 0
        made = made and subprocess.run([os.path.join(folder, "bin/pip"), "-q", "install", "gunicorn"], capture_output=True).returncode == 0
        return program if made else None
    return program


def gunicorn():
    program = gunicorn_program()
    port = free_port()
    started([program, "-k", "gthread", "--threads", "32", "--keep-alive", "3", "--chdir", HERE, "-b", f"127.0.0.1:{port}", "--log-level", "error", "wsgi"])
    return listens(port)


def node():
    return first_line([has("node"), os.path.join(HERE, "origin.js")])


def serve(program, folder):
    """The example server, of files."""
    port = free_port()
    started([program, "--addr", f"127.0.0.1:{port}", "--dir", folder, "--max-requests", "0"], stdout=subprocess.DEVNULL)
    return listens(port)
