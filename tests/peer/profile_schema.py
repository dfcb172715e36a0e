"""Outside reader of profiles: Python's own TOML parser and the `jsonschema` package.

Arguments: the schema. Standard input: one path of a profile a line. Prints `ok` or `bad: <where>: <why>` a line.
"""

import json
import sys
import tomllib

from jsonschema import Draft202012Validator

with open(sys.argv[1], encoding="utf-8") as file:
    schema = json.load(file)
Draft202012Validator.check_schema(schema)
validator = Draft202012Validator(schema)
for line in sys.stdin:
    with open(line.strip(), "rb") as file:
        profile = tomllib.load(file)
    error = next(iter(sorted(validator.iter_errors(profile), key=lambda e: list(map(str, e.path)))), None)
    print("ok" if error is None else f"bad: {'.'.join(map(str, error.path))}: {error.message[:200]}")
