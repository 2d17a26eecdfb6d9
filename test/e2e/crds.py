#!/usr/bin/env python3
"""The CRDs on a real kube-apiserver: what they refuse and how they say it, what they fill in, and how they read.

    CARREL_TEST_KUBECONFIG=FILE python3 test/e2e/crds.py      a cluster that may be written to
    test/cluster/in python3 test/e2e/crds.py                  the one of test/cluster

KUBECONFIG is followed only to this machine or to test/cluster, for an inherited one may lead to real work. The CRDs are
applied, a namespace is made and deleted; CRDs that this test has brought are taken away again. What it sends stands in
crds/objects.py. It prints one line for each promise and ends with `N passed, N failed`.
"""

import base64
import copy
import http.client
import ipaddress
import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
CRDS = os.path.join(os.path.dirname(os.path.dirname(HERE)), "crds")
sys.path.insert(0, os.path.join(HERE, "crds"))
sys.dont_write_bytecode = True

from objects import (ACCEPTED, CHANGES, DEFAULTS, DROP, INNER_DEFAULTS, REFUSED, SMALLEST, STATUS,  # noqa: E402
                     STATUS_REFUSED)

GROUP = "carrel.dev"
KINDS = list(SMALLEST)
NAMESPACE = f"carrel-crds-{os.getpid()}"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
WIDTH_MAX = 120

passed = failed = 0
said = set()  # (field, message) of everything that the server refused; fields without [index] and [key]


def check(area, sentence, wrong):
    """Counts one promise; `wrong` is what speaks against it, empty where it is kept."""
    global passed, failed
    if not wrong:
        passed += 1
        print(f"ok - {area}: {sentence}")
    else:
        failed += 1
        print(f"not ok - {area}: {sentence}")
        for line in str(wrong).splitlines():
            print(f"    {line}")


def kubectl(*args):
    """Standard output of kubectl; its complaints where it fails."""
    done = subprocess.run(["kubectl", *args], capture_output=True, text=True, timeout=60)
    return done.stdout if done.returncode == 0 else f"kubectl {' '.join(args)}: {done.stderr}"


class Server:
    """One kept connection to the apiserver, as the kubeconfig's current user."""

    def __init__(self):
        config = json.loads(kubectl("config", "view", "--raw", "--minify", "--flatten", "-o", "json"))
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self.url = urllib.parse.urlsplit(cluster["server"])
        self.token = user.get("token", "")
        self.connection = http.client.HTTPSConnection(self.url.hostname, self.url.port or 443, timeout=30,
                                                      context=self.context(cluster, user))

    @staticmethod
    def context(cluster, user):
        if cluster.get("insecure-skip-tls-verify"):
            context = ssl._create_unverified_context()
        else:
            authority = base64.b64decode(cluster.get("certificate-authority-data", "")).decode()
            context = ssl.create_default_context(cadata=authority or None)
        if "client-certificate-data" in user:
            with tempfile.NamedTemporaryFile() as both:
                for part in ("client-certificate-data", "client-key-data"):
                    both.write(base64.b64decode(user[part]) + b"\n")
                both.flush()
                context.load_cert_chain(both.name)
        return context

    def is_ours(self):
        """Whether the cluster is on this machine or one of test/cluster."""
        try:
            address = ipaddress.ip_address(self.url.hostname)
        except ValueError:
            return self.url.hostname == "localhost"
        return address.is_loopback or address in ipaddress.ip_network("10.77.0.0/16")

    def call(self, method, path, body=None, kind="application/json", accept="application/json"):
        """The reply's code and its JSON."""
        headers = {"Content-Type": kind, "Accept": accept}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        self.connection.request(method, self.url.path.rstrip("/") + path, json.dumps(body) if body else None, headers)
        reply = self.connection.getresponse()
        text = reply.read()
        try:
            return reply.status, json.loads(text)
        except ValueError:
            return reply.status, {"message": text.decode(errors="replace")}

    def create(self, kind, thing, dry=True):
        query = "?fieldValidation=Strict" + ("&dryRun=All" if dry else "")
        return self.call("POST", place(kind) + query, thing)

    def merge(self, kind, name, change, query=""):
        return self.call("PATCH", f"{place(kind, name)}{query}", change, kind="application/merge-patch+json")


def place(kind, name="", namespace=None):
    path = f"/apis/{GROUP}/v1alpha1/namespaces/{namespace or NAMESPACE}/{kind}"
    return f"{path}/{name}" if name else path


def get(thing, path):
    for part in path.split("/"):
        thing = thing.get(part) if isinstance(thing, dict) else None
    return thing


def changed(thing, changes):
    thing = copy.deepcopy(thing)
    for path, value in changes.items():
        *way, last = path.split("/")
        at = thing
        for part in way:
            at = at.setdefault(part, {})
        if value is DROP:
            del at[last]
        else:
            at[last] = copy.deepcopy(value)
    return thing


def made(kind, changes, name="thing"):
    thing = {"apiVersion": f"{GROUP}/v1alpha1", "metadata": {"name": name}, **SMALLEST[kind]}
    return changed(thing, changes)


def covers(got, sent):
    """Whether everything that was sent is in what came back, which may have more (defaults)."""
    if isinstance(sent, dict):
        return isinstance(got, dict) and all(key in got and covers(got[key], sent[key]) for key in sent)
    if isinstance(sent, list):
        return isinstance(got, list) and len(got) == len(sent) and all(map(covers, got, sent))
    return type(got) is type(sent) and got == sent


def refused(reply, field, fragment):
    """What speaks against a refusal that names the field and says what to write; empty where it does."""
    code, status = reply
    causes = status.get("details", {}).get("causes", [])
    said.update((re.sub(r"\[[^]]*]", "", cause.get("field", "")), cause.get("message", "")) for cause in causes)
    if code not in (400, 422):
        return f"the server answered {code}, not 422: {status.get('message', 'it accepted the object')}"
    if not field:
        return "" if fragment in status["message"] else f"wanted {fragment!r} in: {status['message']}"
    if any(cause.get("field") == field and fragment in cause["message"] for cause in causes):
        return ""
    heard = "\n".join(f"{cause.get('field')}: {cause['message']}" for cause in causes)
    return f"wanted {field}: … {fragment!r} …, heard\n{heard or status.get('message')}"


# --- the schemas themselves -------------------------------------------------------------------------------------------

def below(schema, path=""):
    """Every schema within a schema, with its path."""
    yield path, schema
    for name, inner in schema.get("properties", {}).items():
        if path or name != "metadata":  # which the server describes
            yield from below(inner, f"{path}.{name}")
    for word, sign in (("items", "[]"), ("additionalProperties", "{}")):
        if isinstance(schema.get(word), dict):
            yield from below(schema[word], path + sign)


def unbounded(schema):
    kind = schema.get("type", "string" if schema.get("x-kubernetes-int-or-string") else "")
    bound = {"string": "maxLength", "array": "maxItems"}.get(kind)
    if "additionalProperties" in schema:
        bound = "maxProperties"
    return bool(bound) and bound not in schema


def unlike(schema):
    """Whether a text's format stands as CEL rule but not, or not the same, as pattern."""
    texts = [text.replace("\\\\", "\\") for rule in schema.get("x-kubernetes-validations", [])
             for text in re.findall(r"(?<!!)self\.matches\('([^']*)'\)", rule["rule"])]
    quantity = schema.get("x-kubernetes-int-or-string", False)
    if schema.get("type") != "string" and not quantity:
        return False
    pattern = schema.get("pattern")
    return not pattern if quantity or len(texts) > 1 else bool(texts) and pattern != texts[0]


def check_schemas(schemas):
    for kind, schema in schemas.items():
        parts = list(below(schema))
        check("schema", f"every string, list and map of {kind} has a bound",
              "\n".join(path for path, part in parts if unbounded(part)))
        check("schema", f"every number of {kind} has a least value",
              "\n".join(path for path, part in parts if part.get("type") == "integer" and "minimum" not in part))
        check("schema", f"every format of {kind} that has a rule is a pattern too, the same one",
              "\n".join(path for path, part in parts if unlike(part)))
        check("schema", f"every field of {kind} is described in sentences",
              "\n".join(path for path, part in parts if not part.get("description", "").endswith(".")))


def check_conditions(crds):
    for kind, crd in crds.items():
        states = {c["type"]: c["status"] for c in crd["status"]["conditions"]}
        wrong = [f"{name}={states.get(name)}" for name, wish in (("Established", "True"), ("NonStructuralSchema", None))
                 if states.get(name) != wish]
        check("schema", f"the server serves {kind} and finds the schema structural", "\n".join(wrong))


# --- what is refused, kept and filled in ------------------------------------------------------------------------------

def check_refusals(server):
    for kind, rows in REFUSED.items():
        for sentence, changes, field, fragment in rows:
            check(kind, f"refuses {sentence}", refused(server.create(kind, made(kind, changes)), field, fragment))


def check_acceptances(server):
    for kind, rows in ACCEPTED.items():
        for sentence, changes in rows:
            sent = made(kind, changes)
            code, got = server.create(kind, sent)
            wrong = got.get("message") if code != 201 else "" if covers(got, sent) else f"came back as {got}"
            check(kind, f"accepts {sentence}", wrong)


def check_defaults(server):
    rows = [(kind, {}, path, value) for kind, values in DEFAULTS.items() for path, value in values.items()]
    for kind, changes, path, value in rows + INNER_DEFAULTS:
        _, got = server.create(kind, made(kind, changes))
        where = "left out" if not changes else "given in part"
        check(kind, f"fills in {path.replace('/', '.')} = {json.dumps(value)} where it is {where}",
              "" if get(got, path) == value else f"it is {get(got, path)}")
    for kind, values in DEFAULTS.items():
        _, got = server.create(kind, made(kind, {}))
        extra = set(got.get("spec", {})) - set(SMALLEST[kind]["spec"]) - {path.split("/")[1] for path in values}
        check(kind, "fills in nothing else", sorted(extra))


def check_changes(server):
    for number, (kind, sentence, start, change, field, fragment) in enumerate(CHANGES):
        name = f"change-{number}"
        code, got = server.create(kind, made(kind, start, name), dry=False)
        reply = server.merge(kind, name, changed({}, change)) if code == 201 else (code, got)
        if field is None:
            check(kind, f"may: {sentence}", "" if reply[0] == 200 else reply[1].get("message"))
        else:
            check(kind, f"may not: {sentence}", refused(reply, field, fragment))


def check_rules(schemas):
    """Says which CEL rules no object above has broken: a rule that nothing breaks is not tested."""
    for kind, schema in schemas.items():
        rules = [(re.sub(r"[][{}]", "", path) + rule.get("fieldPath", ""), rule["message"])
                 for path, part in below(schema) for rule in part.get("x-kubernetes-validations", [])]
        unheard = [f"{at}: {rule}" for at, rule in rules
                   if not any(field == at[1:] and rule in message for field, message in said)]
        check(kind, f"each of its {len(rules)} rules has refused something in this test", "\n".join(unheard))


# --- status, columns, selectors, explain ------------------------------------------------------------------------------

def check_status(server):
    for kind, status in STATUS.items():
        _, first = server.create(kind, made(kind, {}, "status"), dry=False)
        code, got = server.merge(kind, "status", {"status": status}, "/status?fieldValidation=Strict")
        check(kind, "keeps a whole status as the operator writes it",
              "" if code == 200 and covers(got.get("status"), status) else got)
        check(kind, "does not move its generation for a status",
              "" if got["metadata"]["generation"] == first["metadata"]["generation"] == 1 else got["metadata"])
        code, got = server.merge(kind, "status", {"status": None})
        check(kind, "keeps its status when somebody else writes the object",
              "" if code == 200 and covers(got.get("status"), status) else got)
        code, got = server.merge(kind, "status", {"metadata": {"labels": {"a": "b"}}, "spec": None}, "/status")
        check(kind, "keeps its spec when the status is written",
              "" if code == 200 and got.get("spec") == first["spec"] else got)
    server.merge("sessions", "status", {"spec": {"tags": ["new"]}})
    _, got = server.call("GET", place("sessions", "status"))
    check("sessions", "moves its generation for a spec", "" if got["metadata"]["generation"] == 2 else got["metadata"])
    for kind, sentence, status, field, fragment in STATUS_REFUSED:
        reply = server.merge(kind, "status", {"status": status}, "/status?dryRun=All")
        check(kind, f"refuses a status with {sentence}", refused(reply, field, fragment))


COLUMNS = {  # of `kubectl get`, then those that `-o wide` adds
    "sessions": ("NAME USER TEMPLATE PHASE REASON BEHIND URL AGE", "STATE"),
    "templates": ("NAME DISPLAY_NAME KIND CATEGORY IMAGE VALID SESSIONS AGE", "MESSAGE"),
    "connections": ("NAME USER SESSION CLIENT_IP STATE LAST_HEARTBEAT AGE", ""),
    "templaterepositories": ("NAME URL BRANCH PHASE TEMPLATES LAST_SYNC AGE", "COMMIT ERROR"),
}

USUAL = [  # kind, name, changes, status: what a usual cluster shows
    ("sessions", "alice-jupyter", {}, STATUS["sessions"]),
    ("sessions", "bob-vscode", {"spec/user": "bob", "spec/template": "vscode"},
     {"phase": "Pending", "templateBehind": False, "url": "https://bob-vscode.lab.example.com", "conditions": [
         {**STATUS["sessions"]["conditions"][0], "status": "False", "reason": "ImagePullFailed"}]}),
    ("sessions", "carol-desktop", {"spec/user": "carol", "spec/template": "desktop", "spec/state": "hibernated"},
     {"phase": "Hibernated", "templateBehind": False, "url": "https://carol-desktop.lab.example.com", "conditions": [
         {**STATUS["sessions"]["conditions"][0], "status": "False", "reason": "Hibernated"}]}),
    ("templates", "jupyter", {"spec/category": "Data Science", "spec/kind": "ide",
                              "spec/baseImage": "registry.example.com/lab/jupyter:2025-01-06"}, STATUS["templates"]),
    ("connections", "alice-jupyter-7c9d", {"spec/clientIP": "192.0.2.7"}, STATUS["connections"]),
    ("templaterepositories", "official", {"spec/url": "https://git.example.com/carrel/templates.git"},
     STATUS["templaterepositories"]),
]


def check_columns(server):
    for kind, name, changes, status in USUAL:
        server.create(kind, made(kind, changes, name), dry=False)
        server.merge(kind, name, {"status": status}, "/status")
    for kind, (usual, wide) in COLUMNS.items():
        names = [name for k, name, _, _ in USUAL if k == kind]
        text = kubectl("-n", NAMESPACE, "get", kind, *names)
        head = text.splitlines()[0].replace("  ", "\t").split("\t")
        head = [word.strip().replace(" ", "_") for word in head if word.strip()]
        check(kind, f"kubectl get shows {usual}", "" if head == usual.split() else text)
        check(kind, f"kubectl get fits {WIDTH_MAX} columns",
              "" if max(map(len, text.splitlines())) <= WIDTH_MAX else text)
        _, table = server.call("GET", place(kind), accept=TABLE)
        more = [c["name"].upper().replace(" ", "_") for c in table["columnDefinitions"] if c["priority"] > 0]
        check(kind, f"kubectl get -o wide adds {wide or 'nothing'}", "" if more == wide.split() else more)
    rows = {line.split()[0]: line.split() for line in kubectl("-n", NAMESPACE, "get", "ss").splitlines()}
    check("sessions", "kubectl get ss shows why a session is not ready and which are behind their template",
          "" if rows["bob-vscode"][4:6] == ["ImagePullFailed", "false"] and rows["alice-jupyter"][5] == "true"
          else rows)


def check_names():
    for short, name in (("ss", "status"), ("tpl", "jupyter"), ("conn", "status"), ("repo", "official"),
                        ("repos", "official")):
        got = kubectl("-n", NAMESPACE, "get", short, name, "-o", "name")
        check("names", f"kubectl knows {short}", "" if got.strip().endswith(f".{GROUP}/{name}") else got)
    got = kubectl("-n", NAMESPACE, "get", "carrel", "-o", "name")
    check("names", "kubectl get carrel shows objects of all four kinds",
          "\n".join(crd for crd in ("session", "template", "connection", "templaterepository")
                    if f"{crd}.{GROUP}/status" not in got))


SELECTORS = [  # kind, selector, names that it finds
    ("sessions", "spec.user=bob", ["bob-vscode"]),
    ("sessions", "spec.template=desktop", ["carol-desktop"]),
    ("sessions", "spec.state=hibernated,spec.user=carol", ["carol-desktop"]),
    ("sessions", "status.phase=Pending", ["bob-vscode"]),
    ("templates", "spec.category=Data Science", ["jupyter"]),
    ("templates", "spec.kind=ide", ["jupyter"]),
    ("templates", "status.valid=true", ["jupyter", "status"]),
    ("connections", "spec.userID=alice,spec.sessionID=alice-jupyter,status.state=active",
     ["alice-jupyter-7c9d", "status"]),
    ("templaterepositories", "status.phase=Ready", ["official", "status"]),
    ("templaterepositories", "spec.url=https://git.example.com/carrel/templates.git", ["official"]),
]


def check_selectors():
    for kind, selector, names in SELECTORS:
        got = kubectl("-n", NAMESPACE, "get", kind, "--field-selector", selector, "-o", "name")
        found = sorted(line.split("/")[1] for line in got.splitlines() if "/" in line)
        check(kind, f"can be selected by {selector}", "" if found == names else got or "nothing was found")


def check_explain(schemas):
    for kind, schema in schemas.items():
        singular = SMALLEST[kind]["kind"].lower()
        for part in ("spec", "status"):
            text = kubectl("explain", f"{singular}.{part}")
            lines = text.splitlines()
            shown = {line.split("\t")[0].strip() for line in lines if "\t" in line}
            missing = set(schema["properties"][part]["properties"]) - shown
            check("explain", f"{singular}.{part} shows every field and describes it",
                  f"missing {missing}\n{text}" if missing or "<no description>" in text else "")
        text = kubectl("explain", singular, "--recursive")
        names = {path.rsplit(".", 1)[1].rstrip("[]{}") for path, _ in below(schema) if "." in path}
        shown = {line.split("\t")[0].strip() for line in text.splitlines()}
        check("explain", f"{singular} --recursive shows every field", "\n".join(names - shown))


def check_apply():
    """kubectl's own way to the server: apply, edit, apply again, and the text a person sees when it is refused."""
    def apply(text):
        done = subprocess.run(["kubectl", "-n", NAMESPACE, "apply", "-f", "-"], input=text, text=True,
                              capture_output=True, timeout=60)
        return done.stdout + done.stderr
    head = (f"apiVersion: {GROUP}/v1alpha1\nkind: Session\nmetadata: {{name: applied}}\n"
            "spec: {user: alice, template: jupyter")
    check("apply", "kubectl apply creates a session", "" if "created" in (got := apply(head + "}")) else got)
    check("apply", "kubectl apply of the same changes nothing",
          "" if "unchanged" in (got := apply(head + "}")) else got)
    got = apply(head + ", idleTimeout: 1d}")
    check("apply", "kubectl apply prints what to write instead", "" if "a day is 24h" in got else got)
    got = apply(head + ", idletimeout: 1h}")
    check("apply", "kubectl apply refuses a field in the wrong case", "" if "unknown field" in got else got)


# --- from beginning to end --------------------------------------------------------------------------------------------

def stored_crds(server):
    crds = {}
    for kind in KINDS:
        code, crd = server.call("GET", f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{kind}.{GROUP}")
        if code == 200:
            crds[kind] = crd
    return crds


def install():
    """Applies the CRDs and waits until the server serves and explains them. False where it refuses one."""
    got = kubectl("apply", "-f", CRDS)
    taken = len(re.findall("^customresourcedefinition.apiextensions.k8s.io/", got, re.MULTILINE)) == len(KINDS)
    check("apply", "the server takes all four CRDs, and their rules fit its budget", "" if taken else got)
    if not taken:
        return False
    kubectl("wait", "--for=condition=Established", "--timeout=30s", "crd", *(f"{kind}.{GROUP}" for kind in KINDS))
    # what the server publishes comes a moment after Established
    wait(lambda: all(kubectl("explain", f"{kind}.spec").startswith("GROUP") for kind in KINDS))
    return True


def leave(server, before):
    """Takes away what the test has made, and waits for the CRDs: one that is still going would swallow the next."""
    for kind in KINDS:
        server.call("DELETE", place(kind))
        if kind not in before:
            server.call("DELETE", f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{kind}.{GROUP}")
    server.call("DELETE", f"/api/v1/namespaces/{NAMESPACE}")
    wait(lambda: set(stored_crds(server)) <= before)


def wait(is_so):
    deadline = time.monotonic() + 30
    while not is_so() and time.monotonic() < deadline:
        time.sleep(0.1)


def run(server):
    before = set(stored_crds(server))
    try:
        if install():
            server.call("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
            check_all(server)
    except Exception:  # so that the count is printed, whatever the server says
        check("test", "runs to its end", traceback.format_exc())
    finally:
        leave(server, before)


def check_all(server):
    crds = stored_crds(server)
    schemas = {kind: crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"] for kind, crd in crds.items()}
    check_conditions(crds)
    check_schemas(schemas)
    check_refusals(server)
    check_acceptances(server)
    check_defaults(server)
    check_changes(server)
    check_rules(schemas)
    check_status(server)
    check_columns(server)
    check_names()
    check_selectors()
    check_explain(schemas)
    check_apply()


def main():
    chosen = os.environ.get("CARREL_TEST_KUBECONFIG")
    if chosen:
        os.environ["KUBECONFIG"] = chosen
    why = ""
    if not shutil.which("kubectl"):
        why = "no kubectl in PATH"
    elif not os.environ.get("KUBECONFIG"):
        why = "CARREL_TEST_KUBECONFIG names no cluster"
    elif not (server := Server()).is_ours() and not chosen:
        why = "KUBECONFIG leads to another machine; name it in CARREL_TEST_KUBECONFIG if it may be written to"
    if why:
        print(f"not run - crds ({why})")
    else:
        run(server)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
