"""Let a person pick the published state that readers shall see."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Protocol

from airflow.providers.standard.operators.hitl import HITLOperator

NOTHING = "Change nothing"


class OfferRules(Protocol):
    """How versions are offered to a person; a module may be one."""

    def offered(self, listed: Sequence[Mapping[str, Any]], /) -> str:
        """Return the described versions as a table in Markdown."""

    def option(self, one: Mapping[str, Any], /) -> str:
        """Return a described version as a choice."""

    def previous(self, listed: Sequence[Mapping[str, Any]], /) -> str:
        """Return the number of the last state before the current one; empty if there is none."""

    def chosen(self, text: str, /) -> str:
        """Return the number of the version that a choice names."""


class ChooseVersionOperator(HITLOperator):
    """Lets a person pick one of the versions in the UI, unless the run's form names one.

    Nobody's answer in an hour is to change nothing.

    Args:
        listed: what the listing task returned (templated).
        rules: how versions are offered.
    """

    template_fields: Sequence[str] = (*HITLOperator.template_fields, "listed")

    def __init__(self, *, listed: Any, rules: OfferRules, **kwargs: Any) -> None:
        super().__init__(
            subject="Which version shall readers see?",
            body="",  # made in execute, as are the further options
            options=[NOTHING],
            defaults=[NOTHING],
            response_timeout=timedelta(hours=1),  # other runs of the DAG wait meanwhile
            **kwargs,
        )
        self.listed = listed
        self.rules = rules

    def execute(self, context: Any) -> Any:
        """Return the form's version, or ask.

        Returns:
            `current`, and `target`: the number of a version, None to change nothing.
        """
        if wanted := str(context["params"]["version"] or "").strip():
            named = self.rules.previous(self.listed) if wanted == "previous" else wanted
            return self._answer(named)
        self._offer()
        self.body = self.rules.offered(self.listed)
        return super().execute(context)

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:
        """Return what was picked, as `execute`."""
        self._offer()
        (picked,) = super().execute_complete(context, event)["chosen_options"]
        return self._answer(None if picked == NOTHING else self.rules.chosen(picked))

    def _offer(self) -> None:
        others = [one for one in self.listed if not one["current"] and not one.get("gone")]
        self.options = [*map(self.rules.option, others), NOTHING]

    def _answer(self, target: str | None) -> dict[str, str | None]:
        (current,) = (one["version"] for one in self.listed if one["current"])
        return {"current": current, "target": target}
