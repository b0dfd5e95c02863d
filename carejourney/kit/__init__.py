"""A kit for those who build subscribers: every fact's sample, what can happen to a stream, and a check to run."""

from carejourney.kit.cases import Case, cases
from carejourney.kit.judging import Finding, Judge
from carejourney.kit.records import KitRecord
from carejourney.kit.samples import samples
from carejourney.kit.writing import write_kit, zipped

__all__ = ["Case", "Finding", "Judge", "KitRecord", "cases", "samples", "write_kit", "zipped"]
