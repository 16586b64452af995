"""The weather files, put into a real S3 server."""

import csv

import boto3
import pytest
from pydantic import SecretStr

from flights_api.settings import Settings
from flights_api.source_files import source_file
from flights_api.weather import PREFIX, publish_weather, weather_files


@pytest.fixture
def settings(s3) -> Settings:
    return Settings(
        token=SecretStr("read-flights"),
        admin_token=SecretStr("administer"),
        s3_endpoint=s3.endpoint,
        s3_access_key=SecretStr(s3.access_key),
        s3_secret_key=SecretStr(s3.secret_key),
        s3_bucket=s3.bucket,
        s3_region=s3.region,
    )


@pytest.fixture
def client(s3):
    return boto3.client(
        "s3",
        endpoint_url=s3.endpoint,
        aws_access_key_id=s3.access_key,
        aws_secret_access_key=s3.secret_key,
        region_name=s3.region,
    )


def test_the_files_hold_each_line_of_the_source_once():
    files = weather_files()
    lines = source_file("weather.csv").read_text().splitlines(keepends=True)
    assert sorted(line for body in files.values() for line in body.decode().splitlines(keepends=True)[1:]) == sorted(
        lines[1:]
    )
    assert {body.decode().splitlines(keepends=True)[0] for body in files.values()} == {lines[0]}
    for row in csv.DictReader(files["2013-03-08.csv"].decode().splitlines()):
        assert (row["year"], row["month"], row["day"]) == ("2013", "3", "8")
    assert (len(files), "2013-12-31.csv" in files) == (364, False)


def test_files_are_published_once(settings, client, s3):
    assert publish_weather(settings) == (364, 364)
    assert publish_weather(settings) == (0, 364)
    key = f"{PREFIX}2013-01-01.csv"
    assert client.get_object(Bucket=s3.bucket, Key=key)["Body"].read() == weather_files()["2013-01-01.csv"]
    client.delete_object(Bucket=s3.bucket, Key=key)
    assert publish_weather(settings) == (1, 364)


def test_an_api_whose_bucket_is_gone_says_so_and_serves_the_rest(settings, start_api):
    gone = {
        "FLIGHTS_API_S3_ENDPOINT": str(settings.s3_endpoint),
        "FLIGHTS_API_S3_ACCESS_KEY": settings.s3_access_key.get_secret_value(),
        "FLIGHTS_API_S3_SECRET_KEY": settings.s3_secret_key.get_secret_value(),
        "FLIGHTS_API_S3_BUCKET": "no-such-bucket",
    }
    with start_api(ready=(503, "failed"), **gone) as api:
        health = api.reader.get("/healthz")
        assert "NoSuchBucket" in health.json()["weather"]
        assert settings.s3_secret_key.get_secret_value() not in health.text
        assert api.reader.get("/v1/carriers").status_code == 200
