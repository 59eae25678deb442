"""Reads a KServe manifest by KServe's own types, which refuse fields that they do not know. Usage: manifest.py FILE."""

import json
import sys

import yaml
from kserve import V1beta1InferenceService
from kubernetes import client


def unknown(given: dict, kind: type, path: str) -> list[str]:
    """Fields of `given` that `kind` does not have."""
    known = {json_name: name for name, json_name in kind.attribute_map.items()}
    found = [f"{path}.{name}" for name in given if name not in known]
    for name, value in given.items():
        if name not in known:
            continue
        type_name = kind.openapi_types[known[name]].removeprefix("list[").removesuffix("]")
        inner = getattr(client, type_name, None) or getattr(__import__("kserve"), type_name, None)
        for part in value if isinstance(value, list) else [value]:
            if inner is not None and isinstance(part, dict):
                found += unknown(part, inner, f"{path}.{name}")
    return found


with open(sys.argv[1], encoding="utf8") as file:
    manifest = yaml.safe_load(file)
print(json.dumps(unknown(manifest, V1beta1InferenceService, manifest["kind"])))
