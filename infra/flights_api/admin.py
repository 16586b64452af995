"""The addresses under /admin: faults and corrections on demand."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict

from flights_api.faults import Plan
from flights_api.service import Service, administrator, service_of

router = APIRouter(prefix="/admin", dependencies=[Depends(administrator)])
Asked = Annotated[Service, Depends(service_of)]


class Correction(BaseModel):
    """New values for fields of one flight."""

    model_config = ConfigDict(extra="forbid")

    flight_id: str
    changes: dict[str, int | str | None]


@router.get("/faults")
async def get_faults(service: Asked) -> dict[str, object]:
    """The plan in force, with how often each rule struck."""
    return service.faults.report()


@router.put("/faults")
async def put_faults(plan: Plan, service: Asked) -> dict[str, object]:
    """Replace the plan; counts start again from nothing."""
    service.set_faults(plan)
    return service.faults.report()


@router.delete("/faults")
async def delete_faults(service: Asked) -> dict[str, object]:
    """No more faults."""
    service.set_faults(Plan())
    return service.faults.report()


@router.put("/corrections")
async def put_corrections(corrections: list[Correction], service: Asked) -> dict[str, Any]:
    """Publish a new version of each flight named, on top of earlier corrections."""
    updated_at = service.versions.correct([(each.flight_id, each.changes) for each in corrections])
    return {"corrected": len(corrections), "updated_at": updated_at}


@router.delete("/corrections")
async def delete_corrections(service: Asked) -> dict[str, int]:
    """Bring the first versions back."""
    forgotten = len(service.versions.made)
    service.versions.made = {}
    return {"forgotten": forgotten}
