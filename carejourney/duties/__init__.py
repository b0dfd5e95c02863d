"""What should have happened: duties computed from the facts of one subject and a dated, cited policy."""

from carejourney.duties.evaluation import DutyState, State, duties
from carejourney.duties.explanation import Explanation
from carejourney.duties.facts import Fact
from carejourney.duties.loading import load_policy
from carejourney.duties.policy import Duty, Example, Override, Policy, PolicyError, Rule

__all__ = [
    "Duty",
    "DutyState",
    "Example",
    "Explanation",
    "Fact",
    "Override",
    "Policy",
    "PolicyError",
    "Rule",
    "State",
    "duties",
    "load_policy",
]
