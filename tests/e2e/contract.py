"""api/openapi.json as a judge of answers: status, media type, and every member of every body."""
import json
import os
import re

from server import Client

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "api", "openapi.json"), encoding="utf-8") as file:
    DOCUMENT = json.load(file)
ANSWERED_ANYWHERE = {"404", "405", "408", "411", "413", "414", "431", "500", "501", "505"}  # by HTTP itself


def resolve(schema):
    while "$ref" in schema:
        node = DOCUMENT
        for part in schema["$ref"][2:].split("/"):
            node = node[part]
        schema = node
    return schema


TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}


def is_type(value, name):
    if name == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if name == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, TYPES[name])


def problems(value, schema, at=""):
    """What is wrong with a value; members that the schema does not name are wrong too."""
    schema = resolve(schema)
    if "oneOf" in schema:
        results = [problems(value, one, at) for one in schema["oneOf"]]
        return [] if any(not r for r in results) else min(results, key=len)
    found = []
    if "type" in schema and not is_type(value, schema["type"]):
        return [f"{at or '/'} is {value!r:.60}, not {schema['type']}"]
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{at} is {value!r}, not one of {schema['enum']}")
    if "pattern" in schema and not re.search(schema["pattern"], value):
        found.append(f"{at} is {value!r}, not like {schema['pattern']}")
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if value < schema.get("minimum", value) or value > schema.get("maximum", value):
            found.append(f"{at} is {value}, out of bounds")
    if isinstance(value, dict) and "properties" in schema:
        found += [f"{at}/{name} is missing" for name in schema.get("required", []) if name not in value]
        for name, member in value.items():
            if name in schema["properties"]:
                found += problems(member, schema["properties"][name], f"{at}/{name}")
            elif schema.get("additionalProperties", False) is False:
                found.append(f"{at}/{name} is not in the contract")
    if isinstance(value, list) and "items" in schema:
        for i, item in enumerate(value):
            found += problems(item, schema["items"], f"{at}/{i}")
    return found


def operation_of(method, path):
    """The contract's operation for a request, or None."""
    path = path.split("?")[0]
    for pattern, operations in DOCUMENT["paths"].items():
        if re.fullmatch(re.sub(r"\{[^}]*\}", "[^/]+", pattern), path) and method.lower() in operations:
            return pattern, operations[method.lower()]
    return None


class Judge(Client):
    """A client that holds each answer against the contract."""

    def __init__(self, port):
        super().__init__(port)
        self.seen = set()  # (method, pattern, status)
        self.wrong = []

    def ask(self, method, path, body=None, headers=None):
        status, answer = super().ask(method, path, body, headers)
        found = operation_of("GET" if method == "HEAD" else method, path)
        where = f"{method} {path.split('?')[0]} {status}"
        if found:
            pattern, operation = found
            self.seen.add((method, pattern, status))
            self.judge(where, operation, str(status), answer, method)
        elif status < 400:
            self.wrong.append(f"{where}: not in the contract")
        if status >= 400 and method != "HEAD":
            self.judge_problem(where, status, answer)
        return status, answer

    def judge(self, where, operation, status, answer, method):
        if status not in operation["responses"]:
            if status not in ANSWERED_ANYWHERE:
                self.wrong.append(f"{where}: this status is not in the contract")
            return
        content = resolve(operation["responses"][status]).get("content", {})
        kind = self.headers.get("Content-Type", "").split(";")[0]
        if method == "HEAD" or (not content and not answer):
            return
        content = {name.split(";")[0]: body for name, body in content.items()}
        if kind not in content:
            self.wrong.append(f"{where}: answers {kind}, the contract says {list(content)}")
        elif "json" in kind:
            self.wrong += [f"{where}: {p}" for p in problems(answer, content[kind].get("schema", {}))]

    def judge_problem(self, where, status, answer):
        if self.headers.get("Content-Type", "") != "application/problem+json":
            self.wrong.append(f"{where}: {self.headers.get('Content-Type')} is not application/problem+json")
        elif answer.get("status") != status or not answer.get("code") or not answer.get("title"):
            self.wrong.append(f"{where}: {answer}")
        if status in (429, 503) and not self.headers.get("Retry-After"):
            self.wrong.append(f"{where}: no Retry-After")
