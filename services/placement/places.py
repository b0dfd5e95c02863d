"""Where places are: areas and distances, out of the postcode directory on this machine."""

from carejourney.postcodes import Location, PostcodeDirectory, distance_miles, upper_tier


class DirectoryPlaces:
    """Areas and distances by postcode; None where a postcode is absent or unknown."""

    def __init__(self, directory: PostcodeDirectory) -> None:
        self._directory = directory

    def _locate(self, postcode: str | None) -> Location | None:
        return self._directory.locate(postcode) if postcode else None

    def area(self, postcode: str | None) -> str | None:
        location = self._locate(postcode)
        return upper_tier(location.authority) if location else None

    def miles(self, home: str | None, placement: str | None) -> float | None:
        one, other = self._locate(home), self._locate(placement)
        return distance_miles(one, other) if one and other else None
