"""What the API is told by its environment."""

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Read from variables that start with `FLIGHTS_API_`; the two tokens have no default on purpose."""

    model_config = SettingsConfigDict(env_prefix="FLIGHTS_API_")

    token: SecretStr = Field(min_length=8, description="opens /v1")
    admin_token: SecretStr = Field(min_length=8, description="opens /admin, and /v1 as well")
    rate_limit: float = Field(default=50, gt=0, description="requests a second, sustained")
    rate_burst: int = Field(default=100, ge=1, description="requests that may come at once")
    page_limit: int = Field(default=1000, ge=1, description="the largest page that a client may ask for")

    s3_endpoint: str | None = Field(default=None, description="set: hourly weather is published there at start")
    s3_access_key: SecretStr = SecretStr("")
    s3_secret_key: SecretStr = SecretStr("")
    s3_bucket: str = "lake"
    s3_region: str = "us-east-1"
