"""Asks every pod behind a name whether it is ready; exit code 1 if one is not, or none is there."""

import json
import socket
import ssl
import sys
import urllib.error
import urllib.request

name, port = sys.argv[1:3]
anyone = ssl.create_default_context()
anyone.check_hostname, anyone.verify_mode = False, ssl.CERT_NONE  # pods are asked by their addresses
addresses = sorted({each[4][0] for each in socket.getaddrinfo(name, int(port), type=socket.SOCK_STREAM)})
failed = not addresses
for address in addresses:
    host = f"[{address}]" if ":" in address else address
    try:
        with urllib.request.urlopen(f"https://{host}:{port}/health/ready", timeout=10, context=anyone) as answer:
            print(address, json.load(answer)["status"])
    except (OSError, ValueError) as error:
        failed = True
        print(address, error.read().decode() if isinstance(error, urllib.error.HTTPError) else repr(error))
sys.exit(failed)
