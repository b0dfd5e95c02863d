"""The kit to download: no token, for no child is in it."""

from fastapi import APIRouter, Response

from carejourney.kit.writing import zipped

router = APIRouter()


@router.get("/kit.zip", include_in_schema=False)
def kit() -> Response:
    """The kit for subscribers as one archive."""
    headers = {"content-disposition": 'attachment; filename="kit.zip"'}
    return Response(zipped(), media_type="application/zip", headers=headers)
