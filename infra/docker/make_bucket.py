"""Create the lake's bucket where it is missing.

Endpoint, key pair and bucket come from the environment, as `answers env` prints them.
"""

import os

import boto3

client = boto3.client("s3")
bucket = os.environ["LAKE_BUCKET"]
if bucket not in [known["Name"] for known in client.list_buckets()["Buckets"]]:
    client.create_bucket(Bucket=bucket)
