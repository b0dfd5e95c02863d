"""Commands that are the same for every language of facts: a field that does not exist is refused with those that do."""

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError


class Closed(BaseModel):
    """A command, frozen. What it holds of a fact names its own fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="wrap")
    @classmethod
    def _naming_what_is_allowed(cls, said: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return handler(said)
        except ValidationError as error:
            if all(one["type"] != "extra_forbidden" for one in error.errors()):
                raise
            raise ValidationError.from_exception_data(error.title, cls._faults(error)) from error

    @classmethod
    def _faults(cls, error: ValidationError) -> list[InitErrorDetails]:
        allowed: Any = f"Extra inputs are not permitted: there are {', '.join(cls.model_fields)}"
        faults = []
        for one in error.errors(include_url=False):
            unknown = one["type"] == "extra_forbidden" and len(one["loc"]) == 1
            kind = PydanticCustomError(one["type"], allowed if unknown else one["msg"])
            faults.append(InitErrorDetails(type=kind, loc=one["loc"], input=one["input"]))
        return faults
