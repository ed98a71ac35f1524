"""The vendor's Python SDK against the simulator of Stytch.

Reads the story from standard input as JSON: where the simulator is, who may call it, whose legacy
sessions there are. Prints each fact that holds; ends with 1 and the reason if one does not. No
token is printed: an error tells its kind and the names of fields, never a value that the SDK saw.
"""

import json
import sys
import traceback
from datetime import datetime, timedelta, timezone
from typing import Any, Callable, NoReturn

import pydantic
from stytch import B2BClient, Client
from stytch.core.response_base import StytchError

STORY = json.load(sys.stdin)
ALICE = STORY["alice"]
URSULA = STORY["ursula"]
CLAIMS = {"ferry_attempt": "attempt-1"}


def client_of(kind: type, base_url: str = STORY["base_url"], secret: str = STORY["secret"]) -> Any:
    """A client of the simulator. `environment` takes plain HTTP, `custom_base_url` does not."""
    return kind(project_id=STORY["project_id"], secret=secret, environment=base_url)


B2B = client_of(B2BClient)
CONSUMER = client_of(Client)


def migrate(client: Any = B2B, session_token: str = ALICE["session_token"], **changes: Any) -> Any:
    """A session of Alice's, migrated for an hour, unless the changes say otherwise."""
    request = {
        "session_token": session_token,
        "organization_id": ALICE["organization_id"],
        "session_duration_minutes": 60,
        "session_custom_claims": CLAIMS,
    }
    return client.sessions.migrate(**(request | changes))


def migrate_user() -> Any:
    """The same with the Consumer API."""
    return CONSUMER.sessions.migrate(
        session_token=ALICE["session_token"],
        session_duration_minutes=60,
        session_custom_claims=CLAIMS,
    )


def ids_of_alice(member_id: str) -> list[str]:
    """The sessions that are listed for a member of Alice's organization."""
    reply = B2B.sessions.get(organization_id=ALICE["organization_id"], member_id=member_id)
    return [session.member_session_id for session in reply.member_sessions]


def check_lives_for(session: Any, minutes: int) -> None:
    """The session ends so many minutes from now, give or take one."""
    left = session.expires_at - datetime.now(timezone.utc)
    difference = abs(left - timedelta(minutes=minutes))
    check(difference < timedelta(minutes=1), f"it lives for {left}, not {minutes} minutes")


def check_imported(session: Any) -> None:
    """The session has the one factor that Stytch documents for imported sessions."""
    factors = [(one.type.value, one.delivery_method.value) for one in session.authentication_factors]
    same("factors", factors, [("imported", "imported_auth0")])


def a_client_knows_its_project() -> None:
    same("project", B2B.debug.whoami().project_id, STORY["project_id"])


def a_legacy_session_is_migrated() -> None:
    reply = migrate()
    same("status", reply.status_code, 200)
    same("email", reply.member.email_address, ALICE["email"])
    same("organization", reply.organization.organization_id, ALICE["organization_id"])
    session = reply.member_session
    same("member", session.member_id, reply.member_id)
    same("organization of the session", session.organization_id, ALICE["organization_id"])
    same("claims", session.custom_claims, CLAIMS)
    check_imported(session)
    check_lives_for(session, 60)
    check(reply.session_token != ALICE["session_token"], "the token is the legacy one")


def an_organization_is_known_by_its_slug_and_external_id() -> None:
    for reference in (ALICE["organization_slug"], ALICE["organization_external_id"]):
        reply = migrate(organization_id=reference)
        same("organization", reply.organization.organization_id, ALICE["organization_id"])


def a_session_jwt_is_verified_by_the_key_set_alone() -> None:
    reply = migrate()
    session = B2B.sessions.authenticate_jwt_local(reply.session_jwt)
    check(session is not None, "the JWT is refused")
    same("session", session.member_session_id, reply.member_session.member_session_id)
    same("member", session.member_id, reply.member_id)
    same("organization", session.organization_id, ALICE["organization_id"])
    same("claims", session.custom_claims, CLAIMS)
    same("roles", session.roles, reply.member_session.roles)
    check_imported(session)


def a_session_jwt_with_the_signature_of_another_is_refused() -> None:
    signed, _ = migrate().session_jwt.rsplit(".", 1)
    _, signature = migrate().session_jwt.rsplit(".", 1)
    same("session", B2B.sessions.authenticate_jwt_local(f"{signed}.{signature}"), None)


def a_session_is_listed() -> None:
    reply = migrate()
    check(
        reply.member_session.member_session_id in ids_of_alice(reply.member_id),
        "the session is not listed",
    )


def a_session_is_authenticated_and_extended() -> None:
    minted = migrate()
    reply = B2B.sessions.authenticate(
        session_token=minted.session_token, session_duration_minutes=120
    )
    same(
        "session",
        reply.member_session.member_session_id,
        minted.member_session.member_session_id,
    )
    check(reply.session_token == minted.session_token, "the token changed")
    check_lives_for(reply.member_session, 120)


def a_revoked_session_is_gone() -> None:
    minted = migrate()
    session = minted.member_session.member_session_id
    same("status", B2B.sessions.revoke(member_session_id=session).status_code, 200)
    check(session not in ids_of_alice(minted.member_id), "the session is still listed")
    fails(
        "session_not_found",
        404,
        lambda: B2B.sessions.authenticate(session_token=minted.session_token),
    )


def a_member_is_created_found_and_refused_a_second_time() -> None:
    members = B2B.organizations.members
    new = {
        "organization_id": ALICE["organization_id"],
        "email_address": "nora.new@example.com",
        "name": "Nora New",
        "external_id": "nora-1",
        "trusted_metadata": {"plan": "gold"},
    }
    created = members.create(**new)
    same("status of the member", created.member.status, "active")
    same("metadata", created.member.trusted_metadata, {"plan": "gold"})
    same("organization", created.organization.organization_id, ALICE["organization_id"])
    for reference in (
        {"member_id": created.member_id},
        {"member_id": "nora-1"},
        {"email_address": "nora.new@example.com"},
    ):
        found = members.get(organization_id=ALICE["organization_id"], **reference)
        same("member", found.member_id, created.member_id)
    fails("duplicate_member_email", 400, lambda: members.create(**new))


def members_are_searched() -> None:
    reply = B2B.organizations.members.search(
        organization_ids=[ALICE["organization_id"]],
        query={
            "operator": "AND",
            "operands": [{"filter_name": "member_emails", "filter_value": [ALICE["email"]]}],
        },
    )
    same("emails", [member.email_address for member in reply.members], [ALICE["email"]])
    same("total", reply.results_metadata.total, 1)
    same("organizations", list(reply.organizations), [ALICE["organization_id"]])


def somebody_whom_stytch_does_not_know_is_not_migrated() -> None:
    fails("migrate_from_external_email_does_not_exist", None, lambda: migrate(**URSULA))


def a_token_that_userinfo_refuses_is_not_migrated() -> None:
    expired = STORY["expired_session_token"]
    fails(
        "migrate_from_external_unexpected_response",
        None,
        lambda: migrate(session_token=expired),
    )


def an_unknown_organization_is_told() -> None:
    unknown = "organization-test-00000000-0000-4000-8000-000000000000"
    fails("organization_not_found", 404, lambda: migrate(organization_id=unknown))


def a_wrong_secret_is_told() -> None:
    stranger = client_of(B2BClient, secret="secret-test-wrong")
    fails("unauthorized_credentials", 401, lambda: migrate(stranger))


def a_limit_is_told() -> None:
    limited = client_of(B2BClient, base_url=STORY["limited_base_url"])
    fails("too_many_requests", 429, lambda: migrate(limited))


def a_consumer_session_is_migrated_verified_listed_and_revoked() -> None:
    minted = migrate_user()
    same("emails", [email.email for email in minted.user.emails], [ALICE["email"]])
    check_imported(minted.session)
    check_lives_for(minted.session, 60)
    local = CONSUMER.sessions.authenticate_jwt_local(minted.session_jwt)
    check(local is not None, "the JWT is refused")
    same("session", local.session_id, minted.session.session_id)
    same("claims", local.custom_claims, CLAIMS)
    listed = CONSUMER.sessions.get(user_id=minted.user_id).sessions
    check(
        minted.session.session_id in [session.session_id for session in listed],
        "the session is not listed",
    )
    same("user", CONSUMER.users.get(user_id=minted.user_id).user_id, minted.user_id)
    CONSUMER.sessions.revoke(session_id=minted.session.session_id)
    fails(
        "session_not_found",
        404,
        lambda: CONSUMER.sessions.authenticate(session_token=minted.session_token),
    )


FACTS = [
    a_client_knows_its_project,
    a_legacy_session_is_migrated,
    an_organization_is_known_by_its_slug_and_external_id,
    a_session_jwt_is_verified_by_the_key_set_alone,
    a_session_jwt_with_the_signature_of_another_is_refused,
    a_session_is_listed,
    a_session_is_authenticated_and_extended,
    a_revoked_session_is_gone,
    a_member_is_created_found_and_refused_a_second_time,
    members_are_searched,
    somebody_whom_stytch_does_not_know_is_not_migrated,
    a_token_that_userinfo_refuses_is_not_migrated,
    an_unknown_organization_is_told,
    a_wrong_secret_is_told,
    a_limit_is_told,
    a_consumer_session_is_migrated_verified_listed_and_revoked,
]


class Untrue(Exception):
    """What should hold does not. Its text holds no secret."""


def check(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Untrue(otherwise)


def same(what: str, got: Any, expected: Any) -> None:
    """For values that may be shown only."""
    check(got == expected, f"{what}: {got!r} instead of {expected!r}")


def fails(error_type: str, status: int | None, call: Callable[[], Any]) -> None:
    """The call ends in the SDK's typed error, with this HTTP status if one is documented."""
    try:
        call()
    except StytchError as error:
        same("error_type", error.details.error_type, error_type)
        check(bool(error.details.request_id), "the error has no request_id")
        same("status", error.details.status_code, status or error.details.status_code)
        return
    raise Untrue(f"the call succeeds instead of failing with {error_type}")


def reason(error: Exception) -> str:
    """Why a fact does not hold, without a value that the SDK saw."""
    if isinstance(error, Untrue):
        return str(error)
    if isinstance(error, StytchError):
        details = error.details
        return f"{details.status_code} {details.error_type}: {details.error_message}"
    if isinstance(error, pydantic.ValidationError):
        fields = [(".".join(map(str, one["loc"])), one["type"]) for one in error.errors()]
        return f"the SDK cannot read the reply: {fields}"
    return type(error).__name__


def main() -> NoReturn:
    untrue = 0
    for fact in FACTS:
        try:
            fact()
            print(f"ok     {fact.__name__}")
        except Exception as error:
            untrue += 1
            print(f"FAILED {fact.__name__}: {reason(error)}")
            print("".join(traceback.format_tb(error.__traceback__)))
    print(f"{len(FACTS) - untrue} of {len(FACTS)} facts hold")
    sys.exit(1 if untrue else 0)


if __name__ == "__main__":
    main()
