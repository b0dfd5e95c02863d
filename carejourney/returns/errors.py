"""What stops a file, a folder or a whole import. Messages name files and columns, never what a cell holds."""

from carejourney.returns.report import ImportReport


class ReturnRefusedError(ValueError):
    """A file or folder of which nothing can be taken: which, the class of what is wrong, why and what to do."""

    def __init__(self, place: str, value_class: str, reason: str, remedy: str) -> None:
        super().__init__(f"{place}: {reason}; {remedy}")
        self.place = place
        self.value_class = value_class
        self.reason = reason
        self.remedy = remedy


class ImportStoppedError(RuntimeError):
    """A service refused the import as a whole or did not answer in time; running the import again carries on.

    `report` says what had been done by then.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.report = ImportReport()


class RefusedWholeError(ImportStoppedError):
    """A rule of a service, by its name, forbids the whole of a return, such as one that another authority loaded."""

    def __init__(self, message: str, rule: str = "") -> None:
        super().__init__(message)
        self.rule = rule
