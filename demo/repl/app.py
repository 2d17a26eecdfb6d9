"""A Python prompt in the browser: one page, one namespace, as long as the process lives.

    GET  /            the page
    GET  /healthz     ok
    POST /run         the body is Python; the answer is {"output": text, "ok": bool, "ms": number}
    POST /interrupt   stops what runs

Needs nothing but Python, writes nothing but what its user writes, and runs as anyone. PORT is where
it listens (3000); its working folder is $HOME when that can be written, so files land there.
"""
import ast
import contextlib
import ctypes
import io
import json
import os
import signal
import socket
import sys
import threading
import time
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LONGEST_BODY = 1 << 20
LONGEST_OUTPUT = 1 << 20
PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "index.html")


class Output(io.StringIO):
    """What a run printed, up to a limit: an endless loop of prints must not eat the memory."""

    def write(self, text):
        room = LONGEST_OUTPUT - self.tell()
        if room > 0:
            super().write(text if len(text) <= room else text[:room] + "\n(cut here)\n")
        return len(text)


class Repl:
    """The namespace. One piece of code runs at a time; the others wait their turn."""

    def __init__(self):
        self.names = {"__name__": "__main__", "__builtins__": __builtins__}
        self.turn = threading.Lock()
        self.runner = None

    def run(self, code):
        out = Output()
        with self.turn:
            began = time.monotonic()
            self.runner = threading.get_ident()
            try:
                with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
                    self.evaluate(code)
                ok = True
            except BaseException as e:  # SystemExit too: exit() ends a line here, not the server
                out.write(explain(e))
                ok = False
            finally:
                self.runner = None
        took = round((time.monotonic() - began) * 1000, 1)
        return {"output": out.getvalue(), "ok": ok, "ms": took}

    def evaluate(self, code):
        tree = ast.parse(code, "<input>")
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, "<input>", "exec"), self.names)
        if last is None:
            return
        value = eval(compile(ast.Expression(last.value), "<input>", "eval"), self.names)
        if value is not None:
            self.names["_"] = value
            print(repr(value))

    def interrupt(self):
        runner = self.runner
        if runner is None:
            return False
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(runner),
                                                   ctypes.py_object(KeyboardInterrupt))
        return True


def explain(error):
    """The traceback as a prompt shows it: from the user's own code on."""
    frames = error.__traceback__
    while frames and frames.tb_frame.f_code.co_filename != "<input>":
        frames = frames.tb_next
    return "".join(traceback.format_exception(type(error), error, frames))


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "carrel-python-repl/1"
    timeout = 120
    repl = Repl()

    def do_GET(self):
        path = self.path.partition("?")[0]
        if path == "/healthz":
            self.reply(200, "text/plain", b"ok\n")
        elif path == "/":
            with open(PAGE, "rb") as page:
                self.reply(200, "text/html; charset=utf-8", page.read())
        else:
            self.reply(404, "text/plain", b"there is only one page here: /\n")

    do_HEAD = do_GET

    def do_POST(self):
        body = self.body()
        if body is None:
            return
        if self.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
            self.reply(403, "text/plain", b"another site may not run code here\n")
        elif self.path == "/run":
            self.reply_json(self.repl.run(body.decode("utf-8", "replace")))
        elif self.path == "/interrupt":
            self.reply_json({"stopped": self.repl.interrupt()})
        else:
            self.reply(404, "text/plain", b"code goes to /run\n")

    def body(self):
        try:
            length = int(self.headers.get("Content-Length", ""))
        except ValueError:
            length = -1
        if 0 <= length <= LONGEST_BODY:
            return self.rfile.read(length)
        self.close_connection = True
        self.reply(413 if length > 0 else 411, "text/plain", b"want a body of at most 1 MiB\n")
        return None

    def reply_json(self, value):
        self.reply(200, "application/json", json.dumps(value).encode())

    def reply(self, status, kind, body):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format, *args):
        if self.path != "/healthz":
            sys.__stderr__.write(f"{self.log_date_time_string()} {format % args}\n")


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def server_bind(self):
        # the parent looks up its own name here, which takes seconds where no name server answers
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = self.server_address

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)


def go_home():
    for folder in (os.environ.get("HOME", ""), "/tmp"):
        if os.path.isdir(folder) and os.access(folder, os.W_OK):
            os.chdir(folder)
            return


def main():
    # process 1 of a container ignores signals that it has no handler for
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    go_home()
    port = int(os.environ.get("PORT") or 3000)
    print(f"listening on port {port}", file=sys.stderr, flush=True)
    Server(("0.0.0.0", port), Handler).serve_forever()


if __name__ == "__main__":
    main()
