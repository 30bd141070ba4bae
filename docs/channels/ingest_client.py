"""Sends one message to Shouli's HTTP door and waits for its ticket. Needs only Python.

python ingest_client.py http://127.0.0.1:8080 form SECRET "发票开错了，能重开吗？"
"""

import hashlib
import hmac
import http.client
import json
import sys
import time
import urllib.error
import urllib.request
import uuid


def send(door: str, source: str, secret: str, message: dict, key: str = "") -> dict:
    """Posts until it is taken: the same key again is the same message, so no retry doubles it.

    Exits with what the door says where sending the same again would change nothing.
    """
    key, body = key or uuid.uuid4().hex, json.dumps(message).encode()
    while True:
        now = str(int(time.time()))
        signed = hmac.new(secret.encode(), f"{now}.{key}.".encode() + body, hashlib.sha256)
        headers = {"Shouli-Source": source, "Shouli-Timestamp": now, "Idempotency-Key": key}
        headers["Shouli-Signature"] = f"v1={signed.hexdigest()}"
        request = urllib.request.Request(f"{door}/v1/messages", body, headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as reply:
                return json.load(reply)
        except urllib.error.HTTPError as error:
            if error.code not in (408, 429, 503):
                raise SystemExit(error.read().decode()) from None
            print(error, "- sent again", file=sys.stderr)
            time.sleep(int(error.headers["Retry-After"] or 5))
        except (OSError, http.client.HTTPException) as error:  # no answer: nobody knows
            print(error, "- sent again", file=sys.stderr)
            time.sleep(5)


def ticket(door: str, taken: dict) -> dict:
    """Asks until the message has been read."""
    while True:
        with urllib.request.urlopen(door + taken["status"], timeout=30) as reply:
            if (status := json.load(reply))["state"] != "processing":
                return status
        time.sleep(1)


if __name__ == "__main__":
    door, source, secret, text = sys.argv[1:]
    message = {"sender": {"id": "customer-1", "phone": "13800000000"}, "text": text}
    print(ticket(door, send(door, source, secret, message)))
