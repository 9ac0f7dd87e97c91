"""The one spelling of JSON data that is stored, hashed and compared."""

import json


def canonical(data: object) -> str:
    """JSON with sorted keys and no spare white space; NaN and infinity raise ValueError.

    A lone surrogate, which no UTF-8 can hold, becomes a question mark.
    """
    text = json.dumps(data, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", "replace").decode()
