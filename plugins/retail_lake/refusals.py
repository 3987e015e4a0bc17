"""What AWS refuses is final: the same call is refused again until somebody allows it."""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from typing import Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from botocore.exceptions import BotoCoreError, ClientError

# As botocore, Athena's StateChangeReason and a job's ErrorMessage say it; 403 is all that an answer
# without a body says, such as S3's to HEAD. The codes are those common to all services
# (https://docs.aws.amazon.com/awsconsolehelpdocs/latest/gsg/common-errors.html), of S3 and of KMS.
REFUSED = re.compile(
    r"""
      access\ ?denied | permission_denied | not\ authorized\ to\ perform
    | insufficient\ (?:lake\ formation\ )?permission
    | (?:an\ error\ occurred\ \(|error\ code:\ )
        (?: 403 | forbidden | kms\.\w+ | expiredtoken(?:exception)? | notauthorized
          | authorizationerror(?:exception)? | unauthorizedoperation | signaturedoesnotmatch
          | invalid(?:clienttokenid|accesskeyid|signatureexception) | unrecognizedclientexception
        )\b
    """,
    re.IGNORECASE | re.VERBOSE,
)
ADVICE = (
    "This is final, no retry helps: allow the action to the role that was refused, or renew its "
    "credentials, then clear the task"
)


class FinalRefusals(BaseOperator):
    """An operator that fails without a retry when AWS refuses a call for good.

    The first of a class's bases. All that a task runs passes here: `execute`, and what resumes a
    deferred task, also with the error of its trigger. Airflow has `retry_policy` for this from 3.3
    on (airflow#65474).
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Wrap `execute` of every subclass, whose own one would hide one of ours."""
        super().__init_subclass__(**kwargs)
        cls.execute = _final(cls.execute)  # type: ignore[method-assign]

    def resume_execution(
        self, next_method: str, next_kwargs: dict[str, Any] | None, context: Any
    ) -> Any:
        """Resume the task; a trigger that raised has left its traceback, the error at its end."""
        told = ((next_kwargs or {}).get("traceback") or [])[-1:]
        return _final(super().resume_execution, told)(next_method, next_kwargs, context)


def _final(method: Callable[..., Any], told: Iterable[str] = ()) -> Callable[..., Any]:
    """Return the method with a refusal made final, found in its error or in what was told."""

    @wraps(method)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return method(*args, **kwargs)
        except AirflowFailException:
            raise
        except (AirflowException, BotoCoreError, ClientError) as error:
            texts = [*map(str, _causes(error)), *told]
            refused = next(filter(REFUSED.search, texts), None)
            if refused is None:
                raise
            raise AirflowFailException(f"{refused.strip()}. {ADVICE}") from error

    return run


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what it was raised from."""
    while error:
        yield error
        error = error.__cause__
