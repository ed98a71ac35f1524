// The vendor's Node SDK against the simulator of Stytch.
//
// Reads the story from standard input as JSON: where the simulator is, who may call it, whose
// legacy sessions there are. Prints each fact that holds; ends with 1 and the reason if one does
// not. No token is printed: only values that may be shown are compared by `same`.

import { readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { B2BClient, Client, StytchError } from "stytch";

const story = JSON.parse(readFileSync(0, "utf8"));
const { alice, ursula } = story;
const claims = { ferry_attempt: "attempt-1" };

// The SDK warns of every base URL that is not its own.
console.warn = () => {};

/** A client of the simulator. `env` takes plain HTTP, `custom_base_url` does not. */
function clientOf(Kind, { env = story.base_url, secret = story.secret } = {}) {
  return new Kind({ project_id: story.project_id, secret, env });
}

const b2b = clientOf(B2BClient);
const consumer = clientOf(Client);

/** A session of Alice's, migrated for an hour, unless the changes say otherwise. */
function migrate(changes = {}, client = b2b) {
  return client.sessions.migrate({
    session_token: alice.session_token,
    organization_id: alice.organization_id,
    session_duration_minutes: 60,
    session_custom_claims: claims,
    ...changes,
  });
}

/** The ids of the sessions that are listed for a member of Alice's organization. */
async function idsOfAlice(member_id) {
  const { organization_id } = alice;
  const { member_sessions } = await b2b.sessions.get({ organization_id, member_id });
  return member_sessions.map((session) => session.member_session_id);
}

/** The session ends so many minutes from now, give or take one. */
function checkLivesFor(session, minutes) {
  const left = (new Date(session.expires_at) - Date.now()) / 60_000;
  check(Math.abs(left - minutes) < 1, `it lives for ${left}, not ${minutes} minutes`);
}

/** The session has the one factor that Stytch documents for imported sessions. */
function checkImported({ authentication_factors }) {
  const factors = authentication_factors.map((one) => [one.type, one.delivery_method]);
  same("factors", factors, [["imported", "imported_auth0"]]);
}

const facts = {
  async "a client knows its project"() {
    same("project", (await b2b.debug.whoami()).project_id, story.project_id);
  },

  async "a legacy session is migrated"() {
    const reply = await migrate();
    same("status", reply.status_code, 200);
    same("email", reply.member.email_address, alice.email);
    same("organization", reply.organization.organization_id, alice.organization_id);
    const session = reply.member_session;
    same("member", session.member_id, reply.member_id);
    same("organization of the session", session.organization_id, alice.organization_id);
    same("claims", session.custom_claims, claims);
    checkImported(session);
    checkLivesFor(session, 60);
    check(reply.session_token !== alice.session_token, "the token is the legacy one");
  },

  async "an organization is known by its slug and external id"() {
    for (const organization_id of [alice.organization_slug, alice.organization_external_id]) {
      const reply = await migrate({ organization_id });
      same("organization", reply.organization.organization_id, alice.organization_id);
    }
  },

  async "a session JWT is verified by the key set alone"() {
    const reply = await migrate();
    const { session_jwt, member_session, member_id } = reply;
    const session = await b2b.sessions.authenticateJwtLocal({ session_jwt });
    same("session", session.member_session_id, member_session.member_session_id);
    same("member", session.member_id, member_id);
    same("organization", session.organization_id, alice.organization_id);
    same("slug", session.organization_slug, alice.organization_slug);
    same("claims", session.custom_claims, claims);
    same("roles", session.roles, member_session.roles);
    same("end", new Date(session.expires_at), new Date(member_session.expires_at));
    checkImported(session);
  },

  async "a session JWT with the signature of another is refused"() {
    const [head, body] = (await migrate()).session_jwt.split(".");
    const [, , signature] = (await migrate()).session_jwt.split(".");
    const session_jwt = [head, body, signature].join(".");
    const call = b2b.sessions.authenticateJwtLocal({ session_jwt });
    const code = await call.then(() => "taken", (error) => error.code);
    same("code", code, "jwt_invalid");
  },

  async "a session is listed"() {
    const { member_id, member_session } = await migrate();
    const ids = await idsOfAlice(member_id);
    check(ids.includes(member_session.member_session_id), "the session is not listed");
  },

  async "a session is authenticated and extended"() {
    const { session_token, member_session } = await migrate();
    const reply = await b2b.sessions.authenticate({ session_token, session_duration_minutes: 120 });
    const { member_session: session } = reply;
    same("session", session.member_session_id, member_session.member_session_id);
    check(reply.session_token === session_token, "the token changed");
    checkLivesFor(session, 120);
  },

  async "a revoked session is gone"() {
    const { session_token, member_id, member_session } = await migrate();
    const { member_session_id } = member_session;
    same("status", (await b2b.sessions.revoke({ member_session_id })).status_code, 200);
    check(!(await idsOfAlice(member_id)).includes(member_session_id), "it is still listed");
    await fails("session_not_found", 404, b2b.sessions.authenticate({ session_token }));
  },

  async "a member is created, found, and refused a second time"() {
    const { members } = b2b.organizations;
    const { organization_id } = alice;
    const email_address = "nora.new@example.com";
    const created = await members.create({
      organization_id,
      email_address,
      name: "Nora New",
      external_id: "nora-1",
      trusted_metadata: { plan: "gold" },
    });
    same("status of the member", created.member.status, "active");
    same("metadata", created.member.trusted_metadata, { plan: "gold" });
    same("organization", created.organization.organization_id, organization_id);
    const references = [{ member_id: created.member_id }, { member_id: "nora-1" }, { email_address }];
    for (const reference of references) {
      const found = await members.get({ organization_id, ...reference });
      same("member", found.member_id, created.member_id);
    }
    const again = members.create({ organization_id, email_address });
    await fails("duplicate_member_email", 400, again);
  },

  async "members are searched"() {
    const operands = [{ filter_name: "member_emails", filter_value: [alice.email] }];
    const reply = await b2b.organizations.members.search({
      organization_ids: [alice.organization_id],
      query: { operator: "AND", operands },
    });
    same("emails", reply.members.map((member) => member.email_address), [alice.email]);
    same("total", reply.results_metadata.total, 1);
    same("organizations", Object.keys(reply.organizations), [alice.organization_id]);
  },

  async "somebody whom Stytch does not know is not migrated"() {
    await fails("migrate_from_external_email_does_not_exist", null, migrate(ursula));
  },

  async "a token that UserInfo refuses is not migrated"() {
    const call = migrate({ session_token: story.expired_session_token });
    await fails("migrate_from_external_unexpected_response", null, call);
  },

  async "an unknown organization is told"() {
    const organization_id = "organization-test-00000000-0000-4000-8000-000000000000";
    await fails("organization_not_found", 404, migrate({ organization_id }));
  },

  async "a wrong secret is told"() {
    const stranger = clientOf(B2BClient, { secret: "secret-test-wrong" });
    await fails("unauthorized_credentials", 401, migrate({}, stranger));
  },

  async "a limit is told"() {
    const limited = clientOf(B2BClient, { env: story.limited_base_url });
    await fails("too_many_requests", 429, migrate({}, limited));
  },

  async "a consumer session is migrated, verified, listed and revoked"() {
    const { session_token, session_jwt, user_id, user, session } = await consumer.sessions.migrate({
      session_token: alice.session_token,
      session_duration_minutes: 60,
      session_custom_claims: claims,
    });
    const { session_id } = session;
    same("emails", user.emails.map((one) => one.email), [alice.email]);
    checkImported(session);
    checkLivesFor(session, 60);
    const local = await consumer.sessions.authenticateJwtLocal({ session_jwt });
    same("session", local.session_id, session_id);
    same("claims", local.custom_claims, claims);
    const { sessions } = await consumer.sessions.get({ user_id });
    check(sessions.some((one) => one.session_id === session_id), "the session is not listed");
    same("user", (await consumer.users.get({ user_id })).user_id, user_id);
    await consumer.sessions.revoke({ session_id });
    await fails("session_not_found", 404, consumer.sessions.authenticate({ session_token }));
  },
};

/** What should hold does not. Its text holds no secret. */
class Untrue extends Error {}

function check(holds, otherwise) {
  if (!holds) {
    throw new Untrue(otherwise);
  }
}

/** For values that may be shown only. */
function same(what, got, expected) {
  const otherwise = `${what}: ${JSON.stringify(got)} instead of ${JSON.stringify(expected)}`;
  check(isDeepStrictEqual(got, expected), otherwise);
}

/** The call ends in the SDK's typed error, with this HTTP status if one is documented. */
async function fails(errorType, status, call) {
  const error = await call.then(() => new Untrue("the call succeeds"), (reason) => reason);
  if (!(error instanceof StytchError)) {
    throw error;
  }
  same("error_type", error.error_type, errorType);
  check(error.request_id, "the error has no request_id");
  same("status", error.status_code, status ?? error.status_code);
}

/** Why a fact does not hold, without a value that the SDK saw. */
function reason(error) {
  if (error instanceof StytchError) {
    return `${error.status_code} ${error.error_type}: ${error.error_message}`;
  }
  return error instanceof Untrue ? error.message : error.constructor.name;
}

/** Where it was noticed: the places of the stack, without its message. */
function places(error) {
  return (error.stack ?? "").split("\n").filter((line) => line.startsWith("    at ")).join("\n");
}

let untrue = 0;
for (const [name, fact] of Object.entries(facts)) {
  try {
    await fact();
    console.log(`ok     ${name}`);
  } catch (error) {
    untrue += 1;
    console.log(`FAILED ${name}: ${reason(error)}\n${places(error)}`);
  }
}
const total = Object.keys(facts).length;
console.log(`${total - untrue} of ${total} facts hold`);
process.exitCode = untrue > 0 ? 1 : 0;
