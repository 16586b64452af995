"""moto's server with one known key pair: `python -m embedded.moto_server --port N`.

The stock `moto_server` accepts any key. Here IAM is enforced from the first call on, and the one user who exists is the
administrator with the key pair of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; it stays when the server restarts.
"""

import argparse
import json
import logging
import os

os.environ["INITIAL_NO_AUTH_ACTION_COUNT"] = "0"  # read when moto is imported

from moto.core import DEFAULT_ACCOUNT_ID
from moto.iam.models import iam_backends
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

ADMINISTRATOR = "platform"
ALLOW_ALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


def seed_administrator(access_key_id: str, secret_access_key: str) -> None:
    """Create the user who may do everything, with the given key pair."""
    iam = iam_backends[DEFAULT_ACCOUNT_ID]["aws"]
    iam.create_user("us-east-1", ADMINISTRATOR)
    iam.put_user_policy(ADMINISTRATOR, "everything", json.dumps(ALLOW_ALL))
    key = iam.create_access_key(ADMINISTRATOR)
    iam.access_keys[access_key_id] = iam.access_keys.pop(key.access_key_id)
    key.access_key_id, key.secret_access_key = access_key_id, secret_access_key


def main() -> None:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    arguments = parser.parse_args()
    seed_administrator(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # one line for each request helps nobody
    application = DomainDispatcherApplication(create_backend_app)
    options = {"threaded": True, "request_handler": MotoRequestHandler}
    make_server(arguments.host, arguments.port, application, **options).serve_forever()


if __name__ == "__main__":
    main()
