"""What the running API holds, and who may reach it."""

import hashlib
from dataclasses import dataclass, field

from fastapi import Request

from flights_api.cursors import CursorSigner
from flights_api.faults import Faults, Kind, Plan
from flights_api.flights import load_flights
from flights_api.late import late_corrections
from flights_api.listings import Listing, Record
from flights_api.problems import problem
from flights_api.reference import load_reference
from flights_api.security import CHALLENGE, RateLimit, bearer, same
from flights_api.settings import Settings
from flights_api.versions import Versions


@dataclass
class Service:
    """The data, the fault plan and the rate limit of one server process; used by its event loop alone."""

    settings: Settings
    versions: Versions
    reference: dict[str, list[Record]]
    signer: CursorSigner
    rate_limit: RateLimit
    faults: Faults = field(default_factory=Faults)
    _versions_of_lists: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        """Take the lists' digests once: they do not change while the server runs."""
        self._versions_of_lists = {
            name: hashlib.blake2b(repr(rows).encode(), digest_size=8).hexdigest()
            for name, rows in self.reference.items()
        }

    @classmethod
    def load(cls, settings: Settings) -> "Service":
        """Read the data files."""
        return cls(
            settings,
            Versions(load_flights()),
            load_reference(),
            CursorSigner(settings.token),
            RateLimit(settings.rate_limit, settings.rate_burst),
        )

    def set_faults(self, plan: Plan) -> None:
        """Replace the fault plan, its counts and the late corrections that came of the plan before."""
        self.faults = Faults(plan)
        self.versions.late = {}
        if any(rule.kind is Kind.LATE_CORRECTIONS for rule in plan.rules):
            updated_at = self.versions.next_updated_at()
            self.versions.late = late_corrections(self.faults, self.versions.flights, updated_at)

    def day(self, day: str) -> Listing:
        """The flights of a date, or none of them if a fault emptied the day. Raises a 422 problem."""
        if self.faults.of_day(Kind.EMPTY, day):
            return self.versions.nothing(day)
        return self.versions.of_day(day)

    def reference_list(self, name: str) -> Listing:
        """One of the reference lists."""
        rows, version = self.reference[name], self._versions_of_lists[name]
        return Listing(name, range(len(rows)), "{:06d}".format, lambda numbers: [rows[n] for n in numbers], version)


# Dependencies are coroutines, though they wait for nothing: FastAPI would run plain functions in threads.
async def service_of(request: Request) -> Service:
    """The service of the application that got this request."""
    service: Service = request.app.state.service
    return service


async def reader(request: Request) -> None:
    """Let in whoever has one of the two tokens, as often as the rate limit allows. Raises 401 and 429 problems."""
    service = await service_of(request)
    token = bearer(request)
    if not (same(token, service.settings.token) | same(token, service.settings.admin_token)):
        raise problem(401, "The token is not known here: use the FLIGHTS_API_TOKEN that the server has.", CHALLENGE)
    if wait := service.rate_limit.take():
        detail = f"More than {service.rate_limit.rate:g} requests a second: wait as Retry-After says."
        raise problem(429, detail, service.rate_limit.retry_after(wait))


async def administrator(request: Request) -> None:
    """Let in the administrator alone. Raises 401 and 403 problems."""
    service = await service_of(request)
    token = bearer(request)
    if same(token, service.settings.admin_token):
        return
    if same(token, service.settings.token):
        raise problem(403, "This token reads flights only: /admin takes the FLIGHTS_API_ADMIN_TOKEN.")
    raise problem(401, "The token is not known here: /admin takes the FLIGHTS_API_ADMIN_TOKEN.", CHALLENGE)
