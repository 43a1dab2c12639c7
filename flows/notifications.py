"""Who is told about nights: Prefect's automations call a webhook, or use a notification block such as an e-mail.

One message for each regression, recovery, new champion or drift of the toolchain, and one for a night that failed or
crashed, also where it could not even be imported.  What goes on as it was is not told again.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ganbench.tasks.settings import settings

if TYPE_CHECKING:
    from uuid import UUID

    from prefect.client.orchestration import SyncPrefectClient
    from prefect.events.schemas.automations import AutomationCore

Action = Callable[[str], Any]       # a template of a text -> what is done with it
BLOCK = "ganbench-webhook"
TAG = "nightly"         # of deployments whose failures are told
CHANGES = ("regression", "recovery", "drift", "elected", "refused")
CHANGED, FAILED = "A night found something", "A night failed"       # names of automations
TEXT = "{{ event.payload.text | tojson }}"
SAID = ("{{ ('The night of ' ~ (deployment.name if deployment else flow_run.name) ~ ' ended as ' ~ "
        "event.resource['prefect.state-name'] ~ ': ' ~ "
        "event.resource['prefect.state-message']) | tojson }}")


def set_up(client: SyncPrefectClient) -> list[str]:
    """Make the automations that the settings ask for, in place of earlier ones; -> their names."""
    for name in (CHANGED, FAILED):
        for known in client.read_automations_by_name(name):
            client.delete_automation(known.id)
    found = settings()
    targets: list[Action] = []
    if found.webhook.get_secret_value():
        targets.append(webhook_action(save_webhook(found.webhook.get_secret_value())))
    if found.notification_block:
        targets.append(block_action(named_block(client, found.notification_block)))
    if not targets:
        return []
    for automation in (on_changes([of(TEXT) for of in targets]), on_failures([of(SAID) for of in targets])):
        client.create_automation(automation)
    return [CHANGED, FAILED]


def on_changes(actions: list[Any]) -> AutomationCore:
    """What the gate, the canary and elections say."""
    return automation(CHANGED, {f"ganbench.{kind}" for kind in CHANGES}, {"prefect.resource.id": "ganbench.suite.*"},
                      {}, actions)


def on_failures(actions: list[Any]) -> AutomationCore:
    """Runs that did not come to an end; a night that ended as `Regression` or `Drift` did."""
    ends = {f"prefect.flow-run.{state}" for state in ("Failed", "Crashed", "TimedOut")}
    tagged: dict[str, str | list[str]] = {"prefect.resource.id": f"prefect.tag.{TAG}", "prefect.resource.role": "tag"}
    return automation(FAILED, ends, {"prefect.resource.id": "prefect.flow-run.*"}, tagged, actions)


def automation(name: str, expect: set[str], match: dict[str, str | list[str]], related: dict[str, str | list[str]],
               actions: list[Any]) -> AutomationCore:
    from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture

    trigger = EventTrigger(
        expect=expect, match=match, match_related=related, posture=Posture.Reactive, threshold=1,
        within=timedelta(seconds=0), for_each={"prefect.resource.id"} if related else set(),
    )
    return AutomationCore(name=name, description="Made by ganbench.", trigger=trigger, actions=actions)


def webhook_action(block: UUID) -> Action:
    from prefect.events.actions import CallWebhook

    return lambda text: CallWebhook(block_document_id=block, payload=f'{{"text": {text}}}')


def block_action(block: UUID) -> Action:
    from prefect.events.actions import SendNotification

    return lambda text: SendNotification(
        block_document_id=block, subject="ganbench", body=text.replace(" | tojson", ""))


def save_webhook(url: str) -> UUID:
    """The address goes into a block, whose value Prefect keeps encrypted and never shows."""
    from prefect.blocks.webhook import Webhook

    found = Webhook(url=url).save(BLOCK, overwrite=True)        # type: ignore[arg-type]
    return found                                                # type: ignore[return-value]


def named_block(client: SyncPrefectClient, name: str) -> UUID:
    """`email/team`, the type and name of a block that a person has made in Prefect's pages."""
    from ganbench.gan.types import BadInput

    kind, _, block = name.partition("/")
    try:
        return client.read_block_document_by_name(block, kind).id
    except Exception as error:
        raise BadInput("unfit-setting",
                       f"GANBENCH_NOTIFICATION_BLOCK is {name!r}, expected TYPE/NAME of a block in Prefect, such as "
                       "slack-webhook/team.") from error
